//! What every backend promises, as one suite that runs on each of them.
//!
//! A backend is given empty and to this suite alone. Cases that need an ability are passed over
//! where it is missing.

mod notes;
mod parts;
mod signed;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join_all;
use model::{BlobId, Millis};

use crate::{Backend, ContentError, Damage, Hasher, NewBlob, Written};

/// Lengths around those at which a backend may change buffers or parts.
const LENGTHS: [usize; 12] = [
    1,
    2,
    4_095,
    65_536,
    262_143,
    262_144,
    262_145,
    524_287,
    524_288,
    524_289,
    1_000_003,
    9 * 1024 * 1024 + 7,
];

/// No backend cuts a blob of this length into parts.
const ONE_PART: usize = 5 * 1024 * 1024;

/// What the service behind a backend does. Stand-ins may be more lenient than what they stand for, which
/// is no fault of the backend's.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// It looks at signatures at all.
    pub checks_signatures: bool,
    /// It answers a signed read with the headers that are signed into it.
    pub overrides_headers: bool,
    /// It lists uploads in parts that were not finished.
    pub lists_uploads: bool,
    /// An upload in parts that could not be completed is still there.
    pub keeps_uploads: bool,
    /// It takes no part by a signed address that has another length than was signed.
    pub binds_part_lengths: bool,
    /// Each part has a signed address of its own, that ends.
    pub signs_each_part: bool,
    /// It takes uploads in parts, and so blobs that are longer than one.
    pub takes_sessions: bool,
    /// It refuses to write over what is there when it is told to.
    pub creates_only: bool,
}

impl Service {
    /// All that the contract asks for.
    pub const STRICT: Self = Self {
        checks_signatures: true,
        overrides_headers: true,
        lists_uploads: true,
        keeps_uploads: true,
        binds_part_lengths: true,
        signs_each_part: true,
        takes_sessions: true,
        creates_only: true,
    };
}

/// Runs all cases; panics at the first that fails.
pub async fn check(store: &dyn Backend) {
    check_on(store, Service::STRICT).await;
}

/// Runs all cases that the service allows; panics at the first that fails.
pub async fn check_on(store: &dyn Backend, service: Service) {
    let suite = Suite {
        store,
        service,
        next: AtomicU64::new(1),
    };
    suite
        .case("1. a blob is read as it was written, with its digests")
        .await;
    suite.reads_what_was_written().await;
    suite.case("2. any chunks make the same blob").await;
    suite.takes_any_chunks().await;
    suite.case("3. an empty blob is a blob").await;
    suite.holds_an_empty_blob().await;
    suite.case("4. a range yields its bytes and no others").await;
    suite.reads_ranges().await;
    suite
        .case("5. what is not there is missing, whatever its key")
        .await;
    suite.misses_what_is_not_there().await;
    suite.case("6. removing twice is the same as once").await;
    suite.removes_twice().await;
    suite
        .case("7. another length is damage, told before the first byte")
        .await;
    suite.tells_another_length().await;
    suite.case("8. an unfinished blob cannot be seen").await;
    suite.hides_what_is_unfinished().await;
    suite.case("9. many writers do not mix their bytes").await;
    suite.keeps_writers_apart().await;
    suite.case("10. a blob that is being read may be removed").await;
    suite.removes_while_reading().await;
    suite.case("11. the probe leaves nothing").await;
    suite.store.check().await.expect("healthy");
    if store.abilities().lists {
        suite
            .case("12. pages list every blob once, in the order of the keys")
            .await;
        suite.lists_in_order().await;
    }
    if service.takes_sessions {
        suite.check_parts().await;
    }
    suite.check_notes().await;
    suite.check_signed().await;
    suite.case("nothing is left").await;
}

struct Suite<'a> {
    store: &'a dyn Backend,
    service: Service,
    next: AtomicU64,
}

impl Suite<'_> {
    /// Every case finds the store empty.
    async fn case(&self, claim: &str) {
        println!("{}: {claim}", self.store.name());
        if self.store.abilities().lists {
            assert_eq!(
                self.store.list(None, 10).await.expect("list"),
                [],
                "left by the case before"
            );
        }
    }

    async fn reads_what_was_written(&self) {
        for length in LENGTHS {
            if !self.service.takes_sessions && length > ONE_PART {
                continue;
            }
            let bytes = sample(length);
            let written = self.put(&[&bytes]).await;

            let mut hasher = Hasher::new(true);
            hasher.update(&bytes);
            let digests = hasher.finish();
            assert_eq!(written.size_bytes, length as u64);
            assert_eq!(written.digest, digests.digest, "{length} bytes");
            assert_eq!(written.md5, digests.md5, "{length} bytes");
            assert_eq!(
                self.store.measure(&written.key).await.expect("measure"),
                Some(length as u64)
            );
            assert!(self.all(&written).await == bytes, "{length} bytes differ");
            self.remove(&written).await;
        }
    }

    async fn takes_any_chunks(&self) {
        let bytes = sample(700_001);
        for chunk_bytes in [97, 65_536, 262_144, 300_000] {
            let chunks: Vec<&[u8]> = bytes.chunks(chunk_bytes).collect();
            let written = self.put(&chunks).await;

            assert_eq!(written.digest, crate::digest(&bytes), "chunks of {chunk_bytes}");
            assert!(self.all(&written).await == bytes, "chunks of {chunk_bytes}");
            self.remove(&written).await;
        }
    }

    async fn holds_an_empty_blob(&self) {
        let written = self.put(&[]).await;

        assert_eq!(written.size_bytes, 0);
        assert_eq!(written.digest, crate::digest(b""));
        assert_eq!(self.store.measure(&written.key).await.expect("measure"), Some(0));
        assert_eq!(self.all(&written).await, b"");
        self.remove(&written).await;
    }

    async fn reads_ranges(&self) {
        let bytes = sample(600_000);
        let written = self.put(&[&bytes]).await;
        let size = written.size_bytes;
        let ranges = [
            0..1,
            0..size,
            size - 1..size,
            262_143..262_145,
            262_144..524_288,
            1..size - 1,
            5..5,
        ];
        for range in ranges {
            let expected = &bytes[range.start as usize..range.end as usize];
            assert!(self.part(&written, range.clone()).await == expected, "{range:?}");
        }
        for beyond in [size..size, size..size + 1, size + 5..u64::MAX] {
            assert_eq!(self.part(&written, beyond.clone()).await, b"", "{beyond:?}");
        }
        assert_eq!(
            self.part(&written, size - 2..u64::MAX).await,
            bytes[bytes.len() - 2..]
        );
        self.remove(&written).await;
    }

    async fn misses_what_is_not_there(&self) {
        let gone = self.put(&[b"x"]).await;
        self.remove(&gone).await;
        let keys = [
            gone.key.as_str(),
            "",
            "/",
            "..",
            "../x",
            "a/../../x",
            "\0",
            "tmp",
            "a//b",
        ];
        for key in keys {
            let read = self.store.read(key, 1, 0..1).await.err();
            assert!(matches!(read, Some(ContentError::Missing)), "{key:?}: {read:?}");
            assert_eq!(self.store.measure(key).await.expect("measure"), None, "{key:?}");
            self.store.remove(key).await.expect("a missing blob is a success");
        }
    }

    async fn removes_twice(&self) {
        let written = self.put(&[b"twice"]).await;
        let other = self.put(&[b"other"]).await;

        self.remove(&written).await;
        self.remove(&written).await;

        assert_eq!(self.store.measure(&written.key).await.expect("measure"), None);
        assert_eq!(self.all(&other).await, b"other");
        self.remove(&other).await;
    }

    async fn tells_another_length(&self) {
        let written = self.put(&[&sample(1000)]).await;
        for expected_bytes in [0, 999, 1001] {
            match self.store.read(&written.key, expected_bytes, 0..1).await.err() {
                Some(ContentError::Damaged(Damage::Length {
                    expected_bytes: told,
                    found_bytes: 1000,
                })) => assert_eq!(told, expected_bytes),
                other => panic!("{expected_bytes}: {other:?}"),
            }
        }
        self.remove(&written).await;
    }

    async fn hides_what_is_unfinished(&self) {
        let mut writer = self.store.writer(self.new_blob()).await.expect("writer");
        writer.write(sample(3_000_000).into()).await.expect("write");
        self.case("8a. while it is written").await;
        drop(writer);
        self.case("8b. when it is dropped").await;
        let unused = self.store.writer(self.new_blob()).await.expect("writer");
        drop(unused);
    }

    async fn keeps_writers_apart(&self) {
        let bodies: Vec<Vec<u8>> = (0_u8..40)
            .map(|number| vec![number; 20_000 * usize::from(number) + 1])
            .collect();
        let written = join_all(bodies.iter().map(|bytes| self.put_interleaved(bytes))).await;

        let keys: BTreeSet<&str> = written.iter().map(|written| written.key.as_str()).collect();
        assert_eq!(keys.len(), bodies.len());
        for (written, bytes) in written.iter().zip(&bodies) {
            assert!(self.all(written).await == *bytes);
            self.remove(written).await;
        }
    }

    async fn removes_while_reading(&self) {
        let written = self.put(&[&sample(2_000_000)]).await;
        let mut body = self
            .store
            .read(&written.key, written.size_bytes, 0..written.size_bytes)
            .await
            .expect("read");
        let first = body.try_next().await.expect("bytes").expect("not empty");

        self.remove(&written).await;

        // Whether the rest still comes is up to the store; what does come is right.
        let mut read = first.to_vec();
        while let Ok(Some(chunk)) = body.try_next().await {
            read.extend_from_slice(&chunk);
        }
        assert!(read == sample(2_000_000)[..read.len()]);
    }

    async fn lists_in_order(&self) {
        let mut blobs = Vec::new();
        for length in 0..25 {
            blobs.push(self.put(&[&sample(length)]).await);
        }
        blobs.sort_by(|a, b| a.key.cmp(&b.key));
        let expected: Vec<(&str, u64)> = blobs.iter().map(|b| (b.key.as_str(), b.size_bytes)).collect();

        for limit in [1, 7, 25, 1000] {
            let mut listed = Vec::new();
            loop {
                let after = listed.last().map(|(key, _): &(String, u64)| key.clone());
                let page = self.store.list(after.as_deref(), limit).await.expect("list");
                assert!(page.len() <= limit);
                if page.is_empty() {
                    break;
                }
                assert!(
                    page.iter()
                        .all(|blob| blob.modified_ms > Millis(1_600_000_000_000))
                );
                listed.extend(page.into_iter().map(|blob| (blob.key, blob.size_bytes)));
            }
            let listed: Vec<(&str, u64)> = listed.iter().map(|(key, size)| (key.as_str(), *size)).collect();
            assert_eq!(listed, expected, "pages of {limit}");
        }
        for blob in &blobs {
            self.remove(blob).await;
        }
        let after = self.store.list(Some(&blobs[3].key), 10).await.expect("list");
        assert_eq!(after, [], "a key that is gone still marks a place");
    }

    /// Ids of many hours, so that a backend that sorts blobs by their time has several places.
    fn new_blob(&self) -> NewBlob {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let millis = 1_800_000_000_000 + i64::try_from(number % 5).expect("small") * 20_000_000;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&number.to_be_bytes());
        NewBlob {
            id: BlobId::new(Millis(millis), random),
            wants_md5: true,
            size_bytes: None,
        }
    }

    async fn put(&self, chunks: &[&[u8]]) -> Written {
        let mut writer = self.store.writer(self.new_blob()).await.expect("writer");
        for chunk in chunks {
            writer.write(Bytes::copy_from_slice(chunk)).await.expect("write");
        }
        writer.finish().await.expect("finish")
    }

    async fn put_interleaved(&self, bytes: &[u8]) -> Written {
        let mut writer = self.store.writer(self.new_blob()).await.expect("writer");
        for chunk in bytes.chunks(30_000) {
            writer.write(Bytes::copy_from_slice(chunk)).await.expect("write");
            tokio::task::yield_now().await;
        }
        writer.finish().await.expect("finish")
    }

    async fn all(&self, written: &Written) -> Vec<u8> {
        self.part(written, 0..written.size_bytes).await
    }

    async fn part(&self, written: &Written, range: Range<u64>) -> Vec<u8> {
        let body = self
            .store
            .read(&written.key, written.size_bytes, range)
            .await
            .expect("read");
        let chunks: Vec<Bytes> = body.try_collect().await.expect("bytes");
        chunks.concat()
    }

    async fn remove(&self, written: &Written) {
        self.store.remove(&written.key).await.expect("remove");
    }
}

/// The time by this machine's clock, which stores and their signatures go by.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Millis(i64::try_from(since.expect("after 1970").as_millis()).expect("before the end of time"))
}

/// Bytes that differ from place to place.
pub fn sample(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect()
}
