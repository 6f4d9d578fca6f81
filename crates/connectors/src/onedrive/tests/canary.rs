//! Secrets that must not come out: tokens, and addresses that prove by themselves what they are for.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::stand::{BOTH, PIECE_BYTES, Stand, connect};
use crate::contract::scene::THEN;
use crate::contract::{Bytes, Kept, sample};
use crate::{AccessToken, Connector, ItemId, Read, Relocate, RemoteError, Target, Tokens, Upload};

const CANARY: &str = "canary-5f3a";
/// What is in addresses of uploads and downloads.
const SEAL: &str = "tempauth";

/// Gives out a token that is good for nothing.
struct Caged;

#[async_trait]
impl Tokens for Caged {
    async fn token(&self) -> Result<AccessToken, RemoteError> {
        Ok(AccessToken::new(CANARY.to_owned()))
    }

    async fn renewed(&self, _stale: &AccessToken) -> Result<AccessToken, RemoteError> {
        self.token().await
    }
}

/// Keeps every word that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut log = self.0.lock().expect("not poisoned");
        writeln!(log, "{field}={value:?}").expect("memory");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Does everything that a connector can do, and writes down how it ended.
async fn all_ends(drive: &dyn Connector, id: &ItemId) -> String {
    let mut said = String::new();
    let mut say = |what: &dyn Debug| writeln!(said, "{what:?}").expect("memory");
    let source = Bytes(sample(2 * PIECE_BYTES));
    let upload = |target| Upload {
        target,
        source: &source,
        media_type: "text/plain",
        modified: Some(THEN),
        journal: &crate::NoJournal,
    };
    let read = Read {
        id,
        revision: None,
        offset: 1,
        export: None,
    };
    let to = Relocate {
        parent: None,
        name: Some("x"),
        expected: None,
    };
    let new = Target::Create {
        parent: id,
        name: "x",
        id: None,
    };
    let old = Target::Replace {
        id,
        expected: &crate::Revision("c:x".to_owned()),
    };
    say(&drive.about().await);
    say(&drive.item(id).await);
    say(&drive.children(id, None).await);
    say(&drive.changes(None).await.map(|page| page.entries));
    say(&drive.read(read).await.map(|reading| reading.size_bytes));
    say(&drive.upload(upload(new)).await);
    say(&drive.upload(upload(old)).await);
    say(&drive.make_folder(id, "x", None).await);
    say(&drive.relocate(id, to).await);
    say(&drive.revisions(id).await);
    say(&drive.direct_link(id, "x").await);
    say(&drive.restore(id).await);
    say(&drive.trash(id, None).await);
    said
}

#[tokio::test]
async fn no_token_and_no_sealed_address_comes_out() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let mut said = String::new();
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let id = ItemId(stand.account.create_file("a.txt", "content"));
        let caged = connect(&stand.fake, kind, Arc::new(Caged), None);
        said += &all_ends(&caged, &id).await;
        for status in [403, 404, 409, 412, 429, 500, 507] {
            let body = format!(r#"{{"error":{{"code":"x","message":"{CANARY} https://x/?{SEAL}=1"}}}}"#);
            let act = Act::Answer {
                status,
                headers: [(
                    "location".to_owned(),
                    format!("{}/?{SEAL}={CANARY}", stand.fake.files_url()),
                )]
                .into(),
                body,
            };
            stand.fake.faults().push(Fault::on_any("", act).nth(3).times(200));
            said += &all_ends(stand.drive.as_ref(), &id).await;
            stand.fake.faults().clear();
        }
        stand
            .fake
            .faults()
            .push(Fault::on_any("/upload/", Act::DropBefore).times(50));
        stand
            .fake
            .faults()
            .push(Fault::on_any("/download/", Act::DropBefore).times(50));
        said += &all_ends(stand.drive.as_ref(), &id).await;
    }
    drop(guard);

    said += &log.0.lock().expect("not poisoned");
    assert!(said.contains("trying again"), "the log was kept");
    for secret in [CANARY, SEAL, "Bearer", "EwB4A8l6BAAU"] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test]
async fn what_is_kept_of_an_upload_holds_no_token() {
    let stand = Stand::start(DriveType::Personal).await;
    let journal = Kept::default();
    let root = ItemId(stand.account.root_id());
    let target = Target::Create {
        parent: &root,
        name: "a.bin",
        id: None,
    };
    stand
        .fake
        .faults()
        .push(Fault::on("PUT", "/upload/", Act::DropBefore).times(9));

    let source = Bytes(sample(2 * PIECE_BYTES));
    stand
        .send(target, &source, Some(THEN), &journal)
        .await
        .expect_err("broken");

    let kept = journal.session().expect("a session");
    assert!(!kept.contains("EwB4A8l6BAAU"), "{kept}");
}
