//! Channels by which providers tell of changes.

use model::{ChannelId, Millis};

use super::database::on_each_engine;
use super::mirrors::CONNECTION;
use super::remote::linked;
use crate::{Catalog, ChannelState, ConnectionChannel, Tx};

const NOW: Millis = Millis(1_000_000);

fn channel(number: u8, state: ChannelState) -> ConnectionChannel {
    ConnectionChannel {
        id: ChannelId::from_bytes([number; 16]),
        connection: CONNECTION,
        secret_hash: [number; 32],
        remote: None,
        resource: None,
        address: "https://drive.example.org/hooks/google".to_owned(),
        state,
        opened_ms: Millis(NOW.0 + i64::from(number)),
        expires_ms: NOW.plus_secs(3600),
        proven_ms: None,
        noticed_ms: None,
        error: Some("a reason".to_owned()),
        failures: 3,
        next_ms: Some(NOW),
    }
}

async fn with<T>(catalog: &Catalog, act: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let mut tx = catalog.write().await.unwrap();
    let outcome = act(&mut tx).await;
    tx.commit().await.unwrap();
    outcome
}

#[tokio::test]
async fn a_channel_comes_back_as_it_was_put_and_keeps_what_its_notices_tell() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let (old, mut new) = (channel(1, ChannelState::Live), channel(2, ChannelState::Opening));
        with(&catalog, async |tx| {
            tx.add_channel(&new).await.unwrap();
            tx.add_channel(&old).await.unwrap();
            tx.prove_channel(new.id, NOW, false).await.unwrap();
            assert_eq!(tx.channels_of(CONNECTION).await.unwrap()[0], old);
        })
        .await;

        // What its opener writes leaves alone what came in between.
        new.state = ChannelState::Live;
        new.remote = Some("id".to_owned());
        new.resource = Some("resource".to_owned());
        new.error = None;
        new.next_ms = None;
        let known = with(&catalog, async |tx| {
            tx.put_channel(&new).await.unwrap();
            tx.channel(new.id).await.unwrap().unwrap()
        })
        .await;
        new.proven_ms = Some(NOW);
        assert_eq!(known, new);
        assert!(known.tells(NOW) && !known.tells(known.expires_ms) && !old.tells(NOW));
        let known = with(&catalog, async |tx| {
            tx.prove_channel(new.id, NOW.plus_secs(1), true).await.unwrap();
            tx.prove_channel(new.id, NOW.plus_secs(2), false).await.unwrap();
            tx.channel(new.id).await.unwrap().unwrap()
        })
        .await;
        assert_eq!(
            (known.proven_ms, known.noticed_ms),
            (Some(NOW.plus_secs(2)), Some(NOW.plus_secs(1)))
        );
        with(&catalog, async |tx| {
            tx.doubt_channels(CONNECTION).await.unwrap();
            assert!(!tx.channel(new.id).await.unwrap().unwrap().tells(NOW));
            tx.renounce_channels(CONNECTION).await.unwrap();
            let all = tx.channels_of(CONNECTION).await.unwrap();
            assert!(all.iter().all(|channel| channel.state == ChannelState::Closing));
            tx.remove_channel(old.id).await.unwrap();
            assert!(tx.remove_connection(CONNECTION).await.unwrap());
            assert_eq!(tx.channels_of(CONNECTION).await.unwrap(), []);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_names_only_what_its_opener_does_not_know() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        for (number, state, is_learnt) in [
            (1, ChannelState::Opening, true),
            (2, ChannelState::Failed, true),
            (3, ChannelState::Live, false),
            (4, ChannelState::Closing, true),
        ] {
            let new = channel(number, state);
            let known = with(&catalog, async |tx| {
                tx.add_channel(&new).await.unwrap();
                let until = Some(NOW.plus_secs(60));
                tx.learn_channel(new.id, ("id", "resource"), until).await.unwrap();
                tx.learn_channel(new.id, ("other", "other"), None).await.unwrap();
                tx.channel(new.id).await.unwrap().unwrap()
            })
            .await;
            let expected = is_learnt.then_some(("id", "resource"));
            assert_eq!(known.remote.as_deref().zip(known.resource.as_deref()), expected);
            assert_eq!(known.expires_ms == NOW.plus_secs(60), is_learnt);
        }
    })
    .await;
}
