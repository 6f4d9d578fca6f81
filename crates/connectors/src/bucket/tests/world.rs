//! Buckets as the suite wants them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use model::Millis;
use outbound::{Patience, Reach, Secret, Wire};

use super::emulators::azurite::Azurite;
use super::emulators::moto::Moto;
use super::emulators::proxy::{Fault, Proxy, Seen};
use super::emulators::s3s::S3s;
use super::hand::{Hand, PLAIN_MARK};
use crate::connector::Connector;
use crate::contract::{Call, Tree, Trouble, World};
use crate::{Bucket, BucketOptions, BucketPlace, Probed};

/// Waits that are as short as tests want them.
pub const HASTE: Patience = Patience {
    try_count: 4,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_millis(10),
    longest_asked: Duration::from_secs(2),
    connect: Duration::from_secs(5),
    silence: Duration::from_secs(20),
    min_bytes_per_sec: 64 * 1024,
};

pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Millis(i64::try_from(since.expect("after 1970").as_millis()).expect("before the end of time"))
}

/// Connections to the public internet and what a setting allows.
pub fn wire(setting: &str) -> Wire {
    Wire::open(&Reach::public(setting).expect("a setting"), HASTE).expect("a wire")
}

/// Settings for a bucket, of which nothing is known yet.
pub fn options(place: BucketPlace) -> BucketOptions {
    BucketOptions {
        name: "bucket".to_owned(),
        place,
        prefix: String::new(),
        probed: Probed::default(),
        wire: wire("127.0.0.0/8"),
        gate: None,
        patience: HASTE,
        part_bytes: 5 * 1024 * 1024,
        clock: Arc::new(now),
    }
}

/// The bucket that is there from the start, as `endpoint` has it.
pub fn s3_at(endpoint: String) -> BucketPlace {
    BucketPlace::S3 {
        endpoint: Some(endpoint),
        region: None,
        bucket: S3s::BUCKET.to_owned(),
        access_key: S3s::ACCESS_KEY.to_owned(),
        secret_key: Secret::new(S3s::SECRET_KEY),
        session_token: None,
        path_style: None,
    }
}

/// Opens a bucket and finds out what it can do.
pub async fn probed(mut options: BucketOptions) -> Bucket {
    let bucket = Bucket::open(options.clone()).expect("settings");
    options.probed = bucket.probe().await.expect("a probe");
    Bucket::open(options).expect("settings")
}

/// A service that runs until it is dropped.
pub enum Service {
    /// S3; with true one that knows no conditions and keeps every version, as B2.
    S3(Moto, bool),
    /// S3 whose listings tell less.
    Plain(S3s),
    Azure(Azurite),
}

impl Service {
    pub async fn s3() -> Self {
        Self::moto(false).await
    }

    pub async fn b2() -> Self {
        Self::moto(true).await
    }

    async fn moto(is_b2: bool) -> Self {
        let moto = Moto::start();
        Hand::on_moto(&moto, "").make_bucket(is_b2).await;
        Self::S3(moto, is_b2)
    }

    pub async fn plain() -> Self {
        Self::Plain(S3s::start())
    }

    pub async fn azure() -> Self {
        Self::Azure(Azurite::start())
    }
}

/// A bucket behind a proxy that breaks things on purpose.
pub struct BucketWorld {
    pub bucket: Arc<Bucket>,
    pub hand: Hand,
    pub proxy: Proxy,
}

impl BucketWorld {
    /// A drive of its own in the service's bucket.
    pub async fn on(service: &Service) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("some where/drive+1% {number}/");
        let (port, hand) = match service {
            Service::S3(moto, _) => (moto.running.port, Hand::on_moto(moto, &prefix)),
            Service::Plain(s3s) => (s3s.running.port, Hand::on_s3s(s3s, &prefix)),
            Service::Azure(azurite) => (azurite.running.port, Hand::on_azurite(azurite, &prefix)),
        };
        let proxy = Proxy::start(port).await;
        let place = match service {
            Service::S3(..) | Service::Plain(_) => s3_at(proxy.endpoint()),
            Service::Azure(azurite) => azure_at(azurite, proxy.port),
        };
        if let Service::S3(_, true) = service {
            proxy.script(refuse_conditions);
        }
        let bucket = probed(BucketOptions {
            prefix,
            ..options(place)
        })
        .await;
        let found = bucket.store.probed();
        match service {
            Service::S3(_, true) => {
                assert!(!found.guards_puts && !found.guards_parts && !found.guards_deletes)
            }
            Service::S3(_, false) => assert!(found.guards_puts && found.guards_deletes && found.tags_are_md5),
            Service::Plain(_) => assert!(found.guards_puts && found.hides_marks && found.lists_verbatim),
            Service::Azure(_) => assert!(found.guards_parts),
        }
        Self {
            bucket: Arc::new(bucket),
            hand,
            proxy,
        }
    }
}

/// As Backblaze does.
fn refuse_conditions(seen: &Seen) -> Option<Fault> {
    let head = seen.head.to_ascii_lowercase();
    let is_write = matches!(seen.method.as_str(), "PUT" | "POST" | "DELETE");
    let has_condition = head.contains("\r\nif-match") || head.contains("\r\nif-none-match");
    (is_write && has_condition).then(|| Fault::Answer(501, Vec::new(), code("NotImplemented")))
}

/// The container that is there from the start, behind a proxy.
pub fn azure_at(azurite: &Azurite, port: u16) -> BucketPlace {
    let direct = format!(":{}/", azurite.running.port);
    let connection = azurite.connection().replace(&direct, &format!(":{port}/"));
    BucketPlace::Azure {
        connection: Secret::new(connection),
        container: Azurite::CONTAINER.to_owned(),
    }
}

/// A refusal as S3 words it.
pub fn code(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>")
}

/// The same as either words it.
pub fn refusal(status: u16, s3: &str, azure: &str) -> Fault {
    let headers = vec![("x-ms-error-code", azure.to_owned())];
    Fault::Answer(status, headers, code(s3))
}

fn is_copy(seen: &Seen) -> bool {
    seen.head.to_ascii_lowercase().contains("copy-source")
}

fn is_mark(path: &str) -> bool {
    path.ends_with('/') || path.ends_with(PLAIN_MARK)
}

/// Whether a request is the one that a call is made of.
fn is_of(call: Call, seen: &Seen) -> bool {
    let path = seen.target.split('?').next().unwrap_or_default();
    match call {
        Call::Create | Call::Replace => seen.method == "PUT" && !is_copy(seen) && !is_mark(path),
        Call::MakeFolder => seen.method == "PUT" && is_mark(path),
        Call::Relocate => seen.method == "PUT" && is_copy(seen),
        Call::Trash => seen.method == "DELETE",
    }
}

fn is_read(seen: &Seen) -> bool {
    seen.method == "GET" && !seen.target.contains('?')
}

#[async_trait]
impl World for BucketWorld {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.bucket) as Arc<dyn Connector>
    }

    async fn write(&self, path: &str, bytes: &[u8]) {
        self.hand.put(path, bytes).await;
    }

    async fn make_folder(&self, path: &str) {
        let mark = self.hand.folder_mark;
        self.hand.put(&format!("{path}{mark}"), b"").await;
    }

    async fn relocate(&self, from: &str, to: &str) {
        self.hand.relocate(from, to).await;
    }

    async fn remove(&self, path: &str) {
        self.hand.remove(path).await;
    }

    async fn tree(&self) -> Tree {
        self.hand.tree().await
    }

    async fn trouble(&self, trouble: Trouble) -> bool {
        let proxy = &self.proxy;
        match trouble {
            Trouble::LoseAnswer(call) => proxy.faults(move |seen| is_of(call, seen), vec![Fault::ResetAfter]),
            Trouble::FailOnce(call) => {
                let busy = refusal(503, "SlowDown", "ServerBusy");
                proxy.faults(move |seen| is_of(call, seen), vec![busy]);
            }
            Trouble::CutRead => proxy.faults(is_read, vec![Fault::Truncate(100_000)]),
            Trouble::FlipRead => proxy.faults(is_read, vec![Fault::CorruptAnswer(70_000)]),
            Trouble::AskToWait => proxy.script(|_| {
                let wait = vec![("retry-after", "90".to_owned())];
                Some(Fault::Answer(503, wait, code("SlowDown")))
            }),
            Trouble::Full => proxy.script(|seen| {
                let is_write = matches!(seen.method.as_str(), "PUT" | "POST");
                is_write.then(|| refusal(507, "XMinioStorageFull", "InsufficientStorage"))
            }),
            Trouble::Expel => {
                proxy.script(|_| Some(refusal(403, "InvalidAccessKeyId", "AuthenticationFailed")));
            }
        }
        true
    }
}
