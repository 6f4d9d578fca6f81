//! Channels: Drive tells an address that its feed of changes has grown.

use model::Millis;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::Google;
use super::ask::{ALL_DRIVES, with_json};
use super::fault::Fault;
use crate::{Channel, NewChannel, Notifies, RemoteError};

/// Channels of the feed live a week at the most; another is opened before.
pub(super) const NOTIFIES: Notifies = Notifies {
    longest_secs: 7 * 24 * 60 * 60,
    renews: false,
    tries_address: false,
};

/// What Drive tells of a channel.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    id: String,
    resource_id: String,
    /// Milliseconds since 1970, as a text.
    expiration: Option<String>,
}

impl Google {
    pub(super) async fn begin_telling(&self, new: &NewChannel<'_>) -> Result<Channel, Fault> {
        let token = self.token_of(new.cursor).await?;
        let query = [
            ("pageToken", token.as_str()),
            ("spaces", "drive"),
            ("includeRemoved", "true"),
            ALL_DRIVES,
        ];
        let body = json!({
            "id": new.name, "type": "web_hook", "address": new.address, "token": new.secret,
            "expiration": new.until.0.to_string(),
        });
        let url = self.api.url("/drive/v3/changes/watch", &query);
        let opened: Opened = match self.api.json(with_json(Method::POST, url, &body)).await {
            Err(fault) => return Err(refused(fault)),
            Ok(opened) => opened,
        };
        let until = opened.expiration.and_then(|until| until.parse().ok());
        Ok(Channel {
            id: opened.id,
            resource: opened.resource_id,
            until: until.map_or(new.until, Millis),
        })
    }

    pub(super) async fn stop_telling(&self, channel: &Channel) -> Result<(), Fault> {
        let body = json!({"id": channel.id, "resourceId": channel.resource});
        let url = self.api.url("/drive/v3/channels/stop", &[]);
        match self.api.whole(with_json(Method::POST, url, &body)).await {
            Err(fault) if fault.status() != 404 => Err(fault),
            _ => Ok(()),
        }
    }
}

/// What is wrong with an address comes as 401 too, and is no question of who asks.
fn refused(fault: Fault) -> Fault {
    let code = fault.code();
    if code == "channelIdNotUnique" {
        return RemoteError::Exists.into();
    }
    if code.to_ascii_lowercase().contains("webhook") {
        return RemoteError::Refused {
            code: code.to_owned(),
            reason: "Google does not tell this server's address of changes; it takes https at a public name, in some \
                     projects only at domains that are verified there"
                .to_owned(),
        }
        .into();
    }
    fault
}
