//! Channels: Drive tells an address that something changed.

use axum::response::Response;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::Drive;
use super::answer::{Fail, empty_response, json_response};
use super::call::{Call, Caller};
use super::switches::DriveSwitches;
use crate::control::Switches;
use crate::post::{at_origin, post};

const HOUR_MS: i64 = 3_600_000;

/// Somebody who wants to hear of changes.
#[derive(Debug, Clone)]
pub struct Channel {
    id: String,
    resource_id: String,
    resource_uri: String,
    address: String,
    token: Option<String>,
    until_ms: i64,
    /// Whose log it is about.
    corpus: String,
    /// The one file that it is about.
    file_id: Option<String>,
    sent: u64,
}

/// A message on a channel, sent or lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Where it goes.
    pub address: String,
    /// Its headers, which are all that it says.
    pub headers: Vec<(String, String)>,
}

/// All channels, and the way to those who send.
#[derive(Debug)]
pub struct Channels {
    all: Vec<Channel>,
    out: UnboundedSender<Push>,
    /// Every message so far.
    pub pushes: Vec<Push>,
}

impl Push {
    /// A header, such as `X-Goog-Resource-State`.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(is, _)| is.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

impl Channels {
    /// None yet.
    pub const fn new(out: UnboundedSender<Push>) -> Self {
        Self {
            all: Vec::new(),
            out,
            pushes: Vec::new(),
        }
    }

    /// Tells whom it concerns that something happened to a file.
    pub fn tell(&mut self, corpus: &str, file_id: &str, state: &str, now_ms: i64) {
        self.all.retain(|channel| now_ms < channel.until_ms);
        for channel in self.all.iter_mut().filter(|channel| channel.corpus == corpus) {
            let push = match &channel.file_id {
                None => channel.push("change"),
                Some(id) if id == file_id => channel.push(state),
                Some(_) => continue,
            };
            self.pushes.push(push.clone());
            // Nobody sends any more when the fake stops.
            self.out.send(push).ok();
        }
    }

    /// How many are open.
    pub fn count(&self, now_ms: i64) -> usize {
        self.all
            .iter()
            .filter(|channel| now_ms < channel.until_ms)
            .count()
    }

    fn open(&mut self, mut channel: Channel) -> Result<Value, Fail> {
        if self.all.iter().any(|there| there.id == channel.id) {
            let message = format!("Channel id {} not unique", channel.id);
            return Err(Fail::new(400, "channelIdNotUnique", message));
        }
        let push = channel.push("sync");
        self.pushes.push(push.clone());
        self.out.send(push).ok();
        let mut shown = json!({
            "kind": "api#channel", "id": channel.id, "resourceId": channel.resource_id,
            "resourceUri": channel.resource_uri, "expiration": channel.until_ms.to_string(),
        });
        if let Some(token) = &channel.token {
            shown["token"] = json!(token);
        }
        self.all.push(channel);
        Ok(shown)
    }

    fn close(&mut self, id: &str, resource_id: &str) -> bool {
        let before = self.all.len();
        self.all
            .retain(|channel| channel.id != id || channel.resource_id != resource_id);
        self.all.len() < before
    }
}

impl Channel {
    fn push(&mut self, state: &str) -> Push {
        // Numbers grow, and not always by one.
        self.sent += if self.sent == 0 { 1 } else { 2 };
        let until = jiff::Timestamp::from_millisecond(self.until_ms).unwrap_or_default();
        let mut headers = vec![
            ("X-Goog-Channel-ID".to_owned(), self.id.clone()),
            (
                "X-Goog-Channel-Expiration".to_owned(),
                until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            ),
            ("X-Goog-Message-Number".to_owned(), self.sent.to_string()),
            ("X-Goog-Resource-ID".to_owned(), self.resource_id.clone()),
            ("X-Goog-Resource-State".to_owned(), state.to_owned()),
            ("X-Goog-Resource-URI".to_owned(), self.resource_uri.clone()),
        ];
        if let Some(token) = &self.token {
            headers.push(("X-Goog-Channel-Token".to_owned(), token.clone()));
        }
        Push {
            address: self.address.clone(),
            headers,
        }
    }
}

impl Drive {
    /// `POST changes/watch`.
    pub(super) async fn watch_changes(&self, mut call: Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect(
            "driveId includeCorpusRemovals includeItemsFromAllDrives includeLabels includePermissionsForView \
             includeRemoved includeTeamDriveItems pageSize pageToken restrictToMyDrive spaces teamDriveId",
        );
        call.all_drives()?;
        let missing = || Fail::new(400, "required", "Required parameter: pageToken").at("pageToken");
        call.parameter("pageToken").ok_or_else(missing)?;
        let corpus = self.corpus(&call, caller)?;
        let body = call.json().await?;
        let uri = format!("https://www.googleapis.com/drive/v3/changes?{}", call.raw_query);
        let channel = self.channel(&body, corpus, None, uri)?;
        Ok(json_response(200, &self.world().channels.open(channel)?))
    }

    /// `POST files/{id}/watch`.
    pub(super) async fn watch_file(
        &self,
        id: &str,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect("acknowledgeAbuse includeLabels includePermissionsForView");
        let all_drives = call.all_drives()?;
        let body = call.json().await?;
        let id = self.find(&self.world(), caller, id, all_drives)?.id.clone();
        let uri = format!("https://www.googleapis.com/drive/v3/files/{id}");
        let channel = self.channel(&body, caller.email.clone(), Some(id), uri)?;
        Ok(json_response(200, &self.world().channels.open(channel)?))
    }

    /// `POST channels/stop`.
    pub(super) async fn stop_channel(&self, mut call: Call) -> Result<Response, Fail> {
        call.expect("");
        let body = call.json().await?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        if !self.world().channels.close(text("id"), text("resourceId")) {
            return Err(Fail::new(
                404,
                "notFound",
                format!("Channel '{}' not found", text("id")),
            ));
        }
        Ok(empty_response(204))
    }

    fn channel(
        &self,
        body: &Map<String, Value>,
        corpus: String,
        file_id: Option<String>,
        resource_uri: String,
    ) -> Result<Channel, Fail> {
        let text = |name: &str| {
            body.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let now_ms = self.core.clock.now();
        let most_ms = if file_id.is_some() {
            24 * HOUR_MS
        } else {
            7 * 24 * HOUR_MS
        };
        let asked = match body.get("expiration") {
            None => None,
            Some(asked) => {
                let asked = asked
                    .as_str()
                    .and_then(|text| text.parse::<i64>().ok())
                    .or_else(|| asked.as_i64());
                Some(asked.ok_or_else(|| Fail::invalid("expiration"))?)
            }
        };
        let until_ms = asked.unwrap_or(now_ms + HOUR_MS).min(now_ms + most_ms);
        let (id, address) = (text("id"), text("address"));
        let is_channel =
            !id.is_empty() && id.len() <= 64 && matches!(text("type").as_str(), "web_hook" | "webhook");
        if !is_channel || until_ms <= now_ms {
            return Err(Fail::invalid("channel"));
        }
        // Google takes nothing but TLS; a hub on this machine has none.
        let is_here = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|here| address.starts_with(here));
        if !address.starts_with("https://") && !is_here {
            return Err(Fail::new(
                400,
                "push.webhookUrlNotHttps",
                "WebHook callback must be HTTPS",
            ));
        }
        let token = Some(text("token")).filter(|token| !token.is_empty());
        if token.is_none() {
            self.core
                .record
                .violation("a channel without a token, on which anybody can call");
        }
        Ok(Channel {
            resource_id: self.dice.text(27, crate::dice::LETTERS),
            id,
            resource_uri,
            address,
            token,
            until_ms,
            corpus,
            file_id,
            sent: 0,
        })
    }
}

/// Sends messages until the fake stops. One that does not arrive is lost, as Google's own may be.
pub async fn deliver(mut out: UnboundedReceiver<Push>, switches: Switches<DriveSwitches>) {
    while let Some(push) = out.recv().await {
        let switches = switches.get();
        if switches.drop_pushes {
            continue;
        }
        let address = at_origin(&push.address, &switches.push_origin);
        for _ in 0..if switches.double_pushes { 2 } else { 1 } {
            post(&address, &push.headers, "").await.ok();
        }
    }
}
