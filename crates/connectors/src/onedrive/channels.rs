//! Subscriptions: Graph tells an address that something in the drive changed.

use model::Millis;
use outbound::Call;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::OneDrive;
use super::ask::{read_json, with_json};
use super::item::{read_time, write_time};
use super::refusal::Trouble;
use crate::{Channel, NewChannel, Notifies, RemoteError};

/// Subscriptions to a drive live 42,300 minutes at the most. Graph asks the address before it makes one.
pub(super) const NOTIFIES: Notifies = Notifies {
    longest_secs: 42_300 * 60 - 60,
    renews: true,
    tries_address: true,
};

/// What Graph tells of a subscription.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    resource: String,
    expiration_date_time: Option<String>,
}

impl Subscription {
    fn into_channel(self, asked: Millis) -> Channel {
        let until = self.expiration_date_time.as_deref().and_then(read_time);
        Channel {
            id: self.id,
            resource: self.resource,
            until: until.unwrap_or(asked),
        }
    }
}

impl OneDrive {
    pub(super) async fn subscribe(&self, new: &NewChannel<'_>) -> Result<Channel, RemoteError> {
        let body = json!({
            "changeType": "updated", "notificationUrl": new.address, "lifecycleNotificationUrl": new.address,
            "resource": self.addresses.resource(), "expirationDateTime": write_time(new.until),
            "clientState": new.secret,
        });
        let mut call = with_json(Call::new(Method::POST, self.addresses.subscriptions("")), &body);
        // Each makes another.
        call.is_repeatable = false;
        let answer = self.ask(call).await.map_err(unreached)?;
        let made: Subscription = read_json(&answer)?;
        Ok(made.into_channel(new.until))
    }

    pub(super) async fn prolong(&self, channel: &Channel, until: Millis) -> Result<Channel, RemoteError> {
        let body = json!({"expirationDateTime": write_time(until)});
        let call = Call::new(Method::PATCH, self.addresses.subscription(&channel.id));
        let answer = self.ask(with_json(call, &body)).await?;
        let kept: Subscription = read_json(&answer)?;
        Ok(kept.into_channel(until))
    }

    pub(super) async fn unsubscribe(&self, channel: &Channel) -> Result<(), RemoteError> {
        let call = Call::new(Method::DELETE, self.addresses.subscription(&channel.id));
        match self.ask(call).await {
            Err(trouble) if trouble.status() != 404 => Err(trouble.into()),
            _ => Ok(()),
        }
    }
}

/// A 400 says that the address did not answer as it should, as while this server is not served: that may pass.
fn unreached(trouble: Trouble) -> RemoteError {
    if trouble.status() == 400 {
        let told = "Microsoft did not get the answer that it expects from this server's address";
        return RemoteError::Unavailable(told.to_owned());
    }
    trouble.into()
}
