//! What is secret is in no text that anybody reads.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use fake_clouds::{Act, Fault};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::stand::Stand;
use crate::contract::{Bytes, Kept, sample};
use crate::{Connector, Read, RemoteError, Tokens};

/// Writes all events down, of all levels.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().unwrap();
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Everything that goes wrong, as it is shown.
async fn shown(stand: &Stand) -> String {
    let mut shown = String::new();
    let mut tell = |error: RemoteError| {
        let _ = writeln!(shown, "{error} {error:?}");
    };
    let file = stand.given("file", &sample(100_000)).await;
    let read = Read {
        id: &file.id,
        revision: file.revision.as_ref(),
        offset: 0,
        export: None,
    };
    for act in [Act::DropBefore, Act::status(500, None), Act::status(401, None)] {
        stand.fake.faults().push(Fault::on_any("/drive/", act).times(40));
        tell(stand.drive.item(&file.id).await.unwrap_err());
        tell(stand.drive.read(read.clone()).await.err().unwrap());
        let journal = Kept::default();
        let big = Bytes(sample(6 * 1024 * 1024));
        tell(stand.create_kept("big", &big, &journal).await.unwrap_err());
        stand.fake.faults().clear();
    }
    let journal = Kept::default();
    stand
        .fake
        .faults()
        .push(Fault::on_any("upload_id", Act::status(500, None)).times(40));
    let big = Bytes(sample(6 * 1024 * 1024));
    tell(stand.create_kept("big", &big, &journal).await.unwrap_err());
    assert!(
        journal.session().is_some(),
        "the address of a session is a secret too"
    );
    shown
}

#[tokio::test]
async fn no_token_and_no_session_is_in_errors_or_logs() {
    let stand = Stand::start().await;
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let token = stand.tokens.token().await.unwrap();

    let shown = shown(&stand).await;
    drop(guard);

    let log = log.0.lock().unwrap().clone();
    assert!(log.contains("trying again"), "events are written down: {log}");
    for text in [&shown, &log] {
        for secret in [token.expose(), "ya29", "Bearer", "upload_id"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(!shown.contains("127.0.0.1"), "no address: {shown}");
    assert!(!format!("{token:?}").contains(token.expose()));
}
