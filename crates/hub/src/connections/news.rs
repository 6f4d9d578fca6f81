//! How changes in a connection are found out, in words.

use catalog::{ChannelState, ConnectionChannel};
use model::{Connection, Millis};

use crate::Hub;

/// How changes in a connection are found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// They are told as they happen.
    pub is_told: bool,
    /// By whom, or why not, and how often it is looked at: a sentence.
    pub detail: String,
    /// Until when they are told; it is prolonged before.
    pub until: Option<Millis>,
    /// When one was last told.
    pub noticed: Option<Millis>,
}

impl Hub {
    pub(super) fn news(&self, connection: &Connection, channels: &[ConnectionChannel]) -> News {
        let untold = |detail: String| News {
            is_told: false,
            detail,
            until: None,
            noticed: channels.iter().filter_map(|channel| channel.noticed_ms).max(),
        };
        let title = match connection.kind.as_str() {
            "google" => "Google",
            "onedrive" => "Microsoft",
            "directory" => {
                return News {
                    is_told: true,
                    ..untold(
                        "the system tells of changes; everything is listed besides, every 15 minutes at the \
                              most"
                            .to_owned(),
                    )
                };
            }
            _ => {
                let listed = "everything is listed, every 15 minutes or more rarely when that takes long";
                return untold(listed.to_owned());
            }
        };
        if let Some(live) = channels.iter().rfind(|channel| channel.tells(self.now())) {
            let told = format!("{title} tells of changes; it is looked at every 15 minutes besides");
            return News {
                is_told: true,
                until: Some(live.expires_ms),
                ..untold(told)
            };
        }
        let why = match self.notice_address(&connection.kind) {
            Err(problem) => problem,
            Ok(_) => unheard(title, channels),
        };
        untold(format!("it is looked at every minute; {why}"))
    }
}

/// Why nothing is told although it could be.
fn unheard(title: &str, channels: &[ConnectionChannel]) -> String {
    if channels.iter().any(|channel| channel.state == ChannelState::Live) {
        return format!("{title} was asked to tell of changes, but no notice comes through to this server");
    }
    let failed = channels
        .iter()
        .rfind(|channel| channel.state == ChannelState::Failed);
    match failed.and_then(|failed| failed.error.as_deref()) {
        Some(error) => format!("{title} does not tell of changes: {error}"),
        None => format!("{title} was not asked yet to tell of changes"),
    }
}
