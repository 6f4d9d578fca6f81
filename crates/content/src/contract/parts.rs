//! What uploads in parts promise.

use bytes::Bytes;
use model::Millis;

use super::{Suite, now, sample};
use crate::{ContentError, NewPart, NewParts, Part, Parts, Written};

impl Suite<'_> {
    pub(super) async fn check_parts(&self) {
        self.case("13. parts make a blob in the order of their numbers")
            .await;
        self.joins_parts().await;
        self.case("14. a part may be sent again, and the last one counts")
            .await;
        self.replaces_parts().await;
        self.case("15. one part suffices").await;
        self.joins_one_part().await;
        self.case("16. an upload that is given up leaves nothing").await;
        self.gives_up().await;
        self.case("17. a blob is not made of parts that are not there")
            .await;
        self.misses_parts().await;
        self.case("18. uploads that nobody finished are found by their age")
            .await;
        self.finds_unfinished().await;
    }

    async fn joins_parts(&self) {
        let size = self.part_bytes();
        let bytes = sample(2 * size + 1234);
        let upload = self.begin(Some(bytes.len())).await;
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        let mut order: Vec<usize> = (0..chunks.len()).collect();
        if !self.store.part_rules().is_sequential {
            order.reverse();
        }
        let mut parts = Vec::new();
        for index in order {
            self.case("13a. while it is incomplete nothing can be seen").await;
            parts.push(self.put_chunk(&upload, &chunks, index).await);
        }
        parts.sort_by_key(|part| part.number);
        if self.store.part_rules().lists {
            let listed = self.store.parts(&upload).await.expect("parts");
            let sizes = |parts: &[Part]| parts.iter().map(|p| (p.number, p.size_bytes)).collect::<Vec<_>>();
            assert_eq!(sizes(&listed), sizes(&parts));
            // What the store calls them is as good as what their sender was told.
            parts = listed;
        }

        for _ in ["once", "again, its answer may have been lost"] {
            self.store.complete(&upload, &parts).await.expect("complete");
            let written = written(&upload, &bytes);
            assert_eq!(
                self.store.measure(&upload.key).await.expect("measure"),
                Some(written.size_bytes)
            );
            assert!(self.all(&written).await == bytes);
        }
        self.store.abort(&upload).await.expect("a completed one stays");
        assert!(self.all(&written(&upload, &bytes)).await == bytes);
        self.remove(&written(&upload, &bytes)).await;
    }

    async fn replaces_parts(&self) {
        if self.store.part_rules().is_sequential {
            return;
        }
        let size = self.part_bytes();
        let (first, second) = (sample(size), vec![7; size]);
        let last = b"end".to_vec();
        let upload = self.begin(None).await;
        let all = [first.as_slice(), last.as_slice()];

        self.put_chunk(&upload, &all, 0).await;
        let end = self.put_chunk(&upload, &all, 1).await;
        let all = [second.as_slice(), last.as_slice()];
        let again = self.put_chunk(&upload, &all, 0).await;
        self.store
            .complete(&upload, &[again, end])
            .await
            .expect("complete");

        let bytes = all.concat();
        let written = written(&upload, &bytes);
        assert!(self.all(&written).await == bytes);
        self.remove(&written).await;
    }

    async fn joins_one_part(&self) {
        let upload = self.begin(Some(3)).await;
        let part = self.put_chunk(&upload, &[b"one"], 0).await;

        self.store.complete(&upload, &[part]).await.expect("complete");

        let written = written(&upload, b"one");
        assert_eq!(self.all(&written).await, b"one");
        self.remove(&written).await;
    }

    async fn gives_up(&self) {
        let upload = self.begin(None).await;
        let bytes = sample(self.part_bytes());
        let part = self.put_chunk(&upload, &[&bytes, b"more"], 0).await;

        self.store.abort(&upload).await.expect("abort");
        self.store
            .abort(&upload)
            .await
            .expect("a missing one is a success");

        let completed = self.store.complete(&upload, &[part]).await;
        assert!(
            matches!(
                completed,
                Err(ContentError::Missing | ContentError::Rejected { .. })
            ),
            "{completed:?}"
        );
        assert_eq!(self.store.measure(&upload.key).await.expect("measure"), None);
    }

    async fn misses_parts(&self) {
        if self.store.part_rules().is_sequential {
            return;
        }
        let upload = self.begin(None).await;
        let part = self.put_chunk(&upload, &[b"one"], 0).await;
        let missing = Part {
            number: 2,
            ..part.clone()
        };

        let completed = self.store.complete(&upload, &[part, missing]).await;

        assert!(
            matches!(
                completed,
                Err(ContentError::Missing | ContentError::Rejected { .. })
            ),
            "{completed:?}"
        );
        assert_eq!(self.store.measure(&upload.key).await.expect("measure"), None);
        let aborted = self.store.abort(&upload).await;
        if self.service.keeps_uploads {
            aborted.expect("abort");
        }
    }

    async fn finds_unfinished(&self) {
        let begun = [self.begin(None).await, self.begin(None).await];
        for upload in &begun {
            self.put_chunk(upload, &[b"x"], 0).await;
        }
        let later = now().plus_secs(3600);

        let found = self.store.unfinished(later, 100).await.expect("unfinished");

        if self.service.lists_uploads {
            let mut keys: Vec<&str> = found.iter().map(|upload| upload.key.as_str()).collect();
            keys.sort_unstable();
            assert_eq!(keys, [begun[0].key.as_str(), begun[1].key.as_str()]);
            let one = self.store.unfinished(later, 1).await.expect("unfinished");
            assert_eq!(one.len(), 1, "at most as many as asked for");
        }
        let long_ago = Millis(1_000_000_000_000);
        assert_eq!(
            self.store.unfinished(long_ago, 100).await.expect("unfinished"),
            []
        );
        for upload in found.iter().chain(&begun) {
            self.store.abort(upload).await.expect("abort");
        }
        assert_eq!(self.store.unfinished(later, 100).await.expect("unfinished"), []);
    }

    /// A size that every part but the last may have.
    fn part_bytes(&self) -> usize {
        let rules = self.store.part_rules();
        let least = rules.least_bytes.max(1024 * 1024);
        usize::try_from(least.next_multiple_of(rules.step_bytes.max(1))).expect("it fits in memory")
    }

    pub(super) async fn begin(&self, length: Option<usize>) -> Parts {
        let new = NewParts {
            id: self.new_blob().id,
            size_bytes: length.map(|length| length as u64),
        };
        self.store.begin(new).await.expect("begin")
    }

    /// Sends one of all parts of a blob.
    async fn put_chunk(&self, upload: &Parts, all: &[&[u8]], index: usize) -> Part {
        let number = u32::try_from(index + 1).expect("small");
        let new = NewPart {
            number,
            offset_bytes: all[..index].iter().map(|chunk| chunk.len() as u64).sum(),
            is_last: index + 1 == all.len(),
        };
        let (one, two) = all[index].split_at(all[index].len() / 3);
        let bytes = vec![Bytes::copy_from_slice(one), Bytes::copy_from_slice(two)];
        Part {
            number,
            size_bytes: all[index].len() as u64,
            tag: self.store.put_part(upload, new, bytes).await.expect("part"),
        }
    }
}

/// What came of an upload of `bytes`.
pub(super) fn written(upload: &Parts, bytes: &[u8]) -> Written {
    Written {
        key: upload.key.clone(),
        size_bytes: bytes.len() as u64,
        digest: crate::digest(bytes),
        md5: None,
    }
}
