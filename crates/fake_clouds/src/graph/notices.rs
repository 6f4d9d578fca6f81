//! Subscriptions to changes of a drive, and the notices that they bring.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Reply, Trouble};
use super::render::time;
use super::switches::GraphSwitches;
use super::world::{Call, Shared, World};
use crate::clock::parse_rfc3339;
use crate::post::{at_origin, post};

/// The longest life of a subscription.
const MOST_MS: i64 = 42_300 * 60 * 1000;

/// Somebody who wants to hear of changes.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) drive: String,
    pub(crate) resource: String,
    pub(crate) url: String,
    pub(crate) lifecycle_url: Option<String>,
    pub(crate) client_state: Option<String>,
    pub(crate) until_ms: i64,
    /// The change up to which it was told.
    pub(crate) seq: u64,
}

impl Subscription {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "resource": self.resource,
            "changeType": "updated",
            "clientState": self.client_state,
            "notificationUrl": self.url,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": time(self.until_ms),
        })
    }

    fn notice(&self) -> Notice {
        let body = json!({ "value": [{
            "subscriptionId": self.id,
            "subscriptionExpirationDateTime": time(self.until_ms),
            "clientState": self.client_state,
            "changeType": "updated",
            "resource": self.resource,
            "tenantId": super::oauth::PERSONAL_TENANT,
        }]});
        Notice {
            url: self.url.clone(),
            body,
        }
    }

    /// An event of the subscription's own life, such as `missed`.
    fn lifecycle(&self, event: &str) -> Option<Notice> {
        let body = json!({ "value": [{
            "subscriptionId": self.id,
            "subscriptionExpirationDateTime": time(self.until_ms),
            "clientState": self.client_state,
            "lifecycleEvent": event,
            "resource": self.resource,
        }]});
        Some(Notice {
            url: self.lifecycle_url.clone()?,
            body,
        })
    }
}

/// A notice on its way.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    url: String,
    body: Value,
}

impl Notice {
    /// The same, sent to another origin where one is named.
    fn at_origin(self, origin: &str) -> Self {
        Self {
            url: at_origin(&self.url, origin),
            ..self
        }
    }

    /// Sends notices without waiting for anybody.
    pub(crate) fn send_all(notices: Vec<Self>) {
        if notices.is_empty() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                for notice in notices {
                    // One that does not arrive is lost, as the service's own may be.
                    let headers = [("Content-Type".to_owned(), "application/json".to_owned())];
                    post(&notice.url, &headers, &notice.body.to_string()).await.ok();
                }
            });
        }
    }
}

impl World {
    /// The notices of what changed since the last ones.
    pub(crate) fn notices(&mut self, switches: &GraphSwitches, now_ms: i64) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.subscriptions
            .retain(|_, subscription| subscription.until_ms > now_ms);
        for subscription in self.subscriptions.values_mut() {
            let Some(drive) = self.drives.get(&subscription.drive) else {
                continue;
            };
            if drive.seq() > subscription.seq {
                subscription.seq = drive.seq();
                let copies = if switches.drops_notices {
                    0
                } else {
                    1 + usize::from(switches.doubles_notices)
                };
                let notice = subscription.notice().at_origin(&switches.push_origin);
                notices.extend(std::iter::repeat_n(notice, copies));
            }
        }
        notices
    }

    /// Tells every subscriber of an account an event of its subscription's life.
    pub(crate) fn lifecycle(&mut self, account: &str, event: &str, origin: &str) -> Vec<Notice> {
        let all = self
            .subscriptions
            .values()
            .filter(|subscription| subscription.account == account);
        let notices = all
            .filter_map(|subscription| subscription.lifecycle(event))
            .map(|notice| notice.at_origin(origin))
            .collect();
        if event == "subscriptionRemoved" {
            self.subscriptions
                .retain(|_, subscription| subscription.account != account);
        }
        notices
    }
}

/// `POST /subscriptions`: asks the address whether it wants notices, and then keeps it.
pub(crate) async fn subscribe(shared: &Arc<Shared>, call: &Call) -> Result<Reply, Trouble> {
    let body = call.json()?;
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let needed = |name: &str| text(name).ok_or_else(|| Trouble::invalid(format!("{name} is missing.")));
    let now_ms = shared.core.clock.now();
    let until_ms = expiration(&body, now_ms)?;
    if needed("changeType")? != "updated" {
        return Err(Trouble::invalid("Drive items only tell of `updated`."));
    }
    if text("clientState").is_some_and(|state| state.len() > 128) {
        return Err(Trouble::invalid("clientState is longer than 128 characters."));
    }
    let (resource, url) = (needed("resource")?, needed("notificationUrl")?);
    let path = resource.trim_start_matches('/').trim_end_matches("/root");
    let id = shared.with(|world| {
        let own = world
            .accounts
            .get(&call.account)
            .map(|account| account.drive.clone())
            .unwrap_or_default();
        let id = if path == "me/drive" {
            own
        } else {
            path.strip_prefix("drives/").unwrap_or_default().to_owned()
        };
        Ok::<_, Trouble>(world.drive(&call.account, &id)?.id.clone())
    })?;
    let lifecycle_url = text("lifecycleNotificationUrl");
    let second = lifecycle_url.as_ref().filter(|second| **second != url);
    for url in std::iter::once(&url).chain(second) {
        validate(shared, url).await?;
    }
    let subscription = shared.with(|world| {
        let subscription = Subscription {
            id: shared.name(36),
            account: call.account.clone(),
            seq: world.drives.get(&id).map_or(0, super::tree::Drive::seq),
            drive: id,
            resource,
            url,
            lifecycle_url,
            client_state: text("clientState"),
            until_ms,
        };
        world
            .subscriptions
            .insert(subscription.id.clone(), subscription.clone());
        subscription
    });
    Ok(Reply::json(201, &subscription.shown()))
}

/// Asks an address whether it wants notices.
async fn validate(shared: &Shared, url: &str) -> Result<(), Trouble> {
    let token = format!("Validation: {} & <checked>", shared.name(24));
    let asked = format!(
        "{}{}validationToken={}",
        at_origin(url, &shared.switches.get().push_origin),
        if url.contains('?') { '&' } else { '?' },
        crate::oauth::encode(&token)
    );
    let answer = post(&asked, &[], "").await;
    let is_given_back = answer.is_ok_and(|(status, body)| status == 200 && body == token);
    is_given_back
        .then_some(())
        .ok_or_else(|| Trouble::invalid("Subscription validation request failed."))
}

/// `GET /subscriptions` and `GET`, `PATCH`, `DELETE /subscriptions/{id}`
pub(crate) fn manage(
    world: &mut World,
    call: &Call,
    id: Option<&str>,
    now_ms: i64,
) -> Result<Reply, Trouble> {
    let Some(id) = id else {
        let own = world
            .subscriptions
            .values()
            .filter(|each| each.account == call.account);
        return Ok(Reply::json(
            200,
            &json!({ "value": own.map(Subscription::shown).collect::<Vec<_>>() }),
        ));
    };
    let found = world
        .subscriptions
        .get_mut(id)
        .filter(|each| each.account == call.account);
    let subscription =
        found.ok_or_else(|| Trouble::new(404, "ResourceNotFound", "The object was not found."))?;
    match call.method.as_str() {
        "GET" => Ok(Reply::json(200, &subscription.shown())),
        "PATCH" => {
            subscription.until_ms = expiration(&call.json()?, now_ms)?;
            Ok(Reply::json(200, &subscription.shown()))
        }
        "DELETE" => {
            world.subscriptions.remove(id);
            Ok(Reply::empty(204))
        }
        _ => Err(Trouble::new(405, "invalidRequest", "The method is not allowed.")),
    }
}

fn expiration(body: &Value, now_ms: i64) -> Result<i64, Trouble> {
    let until_ms = body["expirationDateTime"].as_str().and_then(parse_rfc3339);
    let until_ms = until_ms.ok_or_else(|| Trouble::invalid("expirationDateTime is missing."))?;
    if until_ms <= now_ms || until_ms > now_ms + MOST_MS {
        return Err(Trouble::invalid(
            "Subscription expiration can only be 42300 minutes in the future.",
        ));
    }
    Ok(until_ms)
}
