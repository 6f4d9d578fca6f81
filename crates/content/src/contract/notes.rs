//! What notes promise.

use bytes::Bytes;

use super::{Suite, sample};

impl Suite<'_> {
    pub(super) async fn check_notes(&self) {
        self.case("19. a note is read as it was written last").await;
        self.replaces_notes().await;
        if self.service.creates_only {
            self.case("20. a note is made only where there is none").await;
            self.makes_notes_once().await;
        }
        self.case("21. notes are listed in order, by pages, and are no blobs")
            .await;
        self.lists_notes().await;
    }

    async fn replaces_notes(&self) {
        assert_eq!(self.store.note("a").await.expect("note"), None);
        for bytes in [sample(10), Vec::new(), sample(300_000)] {
            self.put_note("a", &bytes).await;

            let read = self.store.note("a").await.expect("note");
            assert!(read.is_some_and(|read| read == bytes));
        }
        for _ in ["once", "twice"] {
            self.store.remove_note("a").await.expect("remove");
            assert_eq!(self.store.note("a").await.expect("note"), None);
        }
    }

    async fn makes_notes_once(&self) {
        let make = async |text: &'static str| {
            let made = self
                .store
                .create_note("once/only", Bytes::from_static(text.as_bytes()));
            made.await.expect("create")
        };

        assert!(make("first").await);
        assert!(!make("second").await);

        let read = self.store.note("once/only").await.expect("note");
        assert_eq!(read.as_deref(), Some(&b"first"[..]));
        self.store.remove_note("once/only").await.expect("remove");
        assert!(make("third").await, "the name is free again");
        self.store.remove_note("once/only").await.expect("remove");
    }

    async fn lists_notes(&self) {
        let names = ["a.1", "a/1", "a/2-x.json", "a/b/3", "b/1"];
        for name in names {
            self.put_note(name, name.as_bytes()).await;
        }
        self.case("21a. notes are no blobs").await;

        for limit in [1, 2, 100] {
            assert_eq!(self.notes("", limit).await, names, "pages of {limit}");
            assert_eq!(self.notes("a/", limit).await, names[1..4], "pages of {limit}");
        }
        assert!(self.notes("c", 10).await.is_empty());
        for name in names {
            self.store.remove_note(name).await.expect("remove");
        }
        assert!(self.notes("", 10).await.is_empty());
    }

    async fn put_note(&self, name: &str, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        self.store.put_note(name, bytes).await.expect("note");
    }

    async fn notes(&self, prefix: &str, limit: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let after = all.last().map(String::as_str);
            let page = self.store.notes(prefix, after, limit).await.expect("notes");
            assert!(page.len() <= limit);
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }
}
