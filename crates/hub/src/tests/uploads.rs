//! Uploads: what they make, what they refuse, and what they leave behind.

use futures_util::StreamExt;
use model::{BodyError, Guard, NodeKind, OnConflict, Origin};

use super::harness::{
    ROOT, TestHub, big, body, into, named, on_each_engine, on_each_engine_with, refused, upload,
};
use crate::{Config, Expected, HubError, NodeChange, Upload, UploadPlace};

fn with(on_conflict: OnConflict) -> Upload {
    Upload {
        on_conflict,
        ..into(ROOT, "report.pdf")
    }
}

fn guarded(guard: Guard) -> Upload {
    Upload {
        guard,
        ..into(ROOT, "report.pdf")
    }
}

fn sized(size_bytes: u64) -> Expected {
    Expected {
        size_bytes: Some(size_bytes),
        ..Expected::default()
    }
}

#[tokio::test]
async fn a_body_becomes_a_file() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let tracked = Upload {
            is_tracked: true,
            media_type: "text/css".to_owned(),
            origin: Origin::Webdav,
            ..into(ROOT, "style.css")
        };
        let stored = t.store(&alice, tracked, "a {}").await.unwrap();

        assert!(stored.was_created);
        assert_eq!(stored.node, t.info(&alice, stored.node.id).await.unwrap().node);
        let version = stored.node.version.clone().unwrap();
        assert_eq!((version.number, version.size_bytes), (1, 4));
        assert_eq!(version.digest, Some(content::digest(b"a {}")));
        assert_eq!(
            (version.media_type.as_str(), version.origin),
            ("text/css", Origin::Webdav)
        );
        assert_eq!(version.author, alice.user());
        assert_eq!(t.bytes_of(&alice, stored.node.id).await, b"a {}");
        let job = t.job(&alice, stored.job.unwrap()).await.unwrap();
        assert_eq!(job.filename.as_deref(), Some("style.css"));
        assert_eq!(
            (job.job.state, job.job.progress.percent),
            (model::JobState::Completed, 100)
        );
        assert_eq!(job.job.node, Some(stored.node.id));
    })
    .await;
}

#[tokio::test]
async fn the_same_name_makes_a_version_a_number_or_a_refusal() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let first = t.store(&alice, with(OnConflict::Fail), "1").await.unwrap();
        assert!(first.was_created);

        let second = t.store(&alice, with(OnConflict::NewVersion), "2").await.unwrap();
        assert!(!second.was_created);
        assert_eq!(second.node.id, first.node.id);
        assert_eq!(second.node.version.as_ref().unwrap().number, 2);
        let both = t.store(&alice, with(OnConflict::KeepBoth), "3").await.unwrap();
        assert!(both.was_created);
        assert_eq!(both.node.name, named("report (2).pdf"));
        refused!(
            t.store(&alice, with(OnConflict::Fail), "4").await,
            HubError::NameTaken(_)
        );
        assert_eq!(t.names(&alice, ROOT).await, ["report (2).pdf", "report.pdf"]);
        assert_eq!(t.bytes_of(&alice, first.node.id).await, b"2");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_never_overwritten() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        t.new_folder(&alice, ROOT, "report.pdf").await;

        for on_conflict in [OnConflict::NewVersion, OnConflict::Fail] {
            refused!(
                t.store(&alice, with(on_conflict), "x").await,
                HubError::NameTaken(_)
            );
        }
        let both = t.store(&alice, with(OnConflict::KeepBoth), "x").await.unwrap();
        assert_eq!(both.node.name, named("report (2).pdf"));
        refused!(
            t.store(&alice, guarded(Guard::Absent), "x").await,
            HubError::Stale
        );
        refused!(
            t.store(&alice, guarded(Guard::Exists), "x").await,
            HubError::Stale
        );
    })
    .await;
}

#[tokio::test]
async fn a_guard_holds_or_nothing_is_written() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        refused!(
            t.store(&alice, guarded(Guard::Exists), "0").await,
            HubError::Stale
        );
        let tags = |tags: &[&str]| Guard::Matches(tags.iter().map(|tag| (*tag).to_owned()).collect());
        refused!(t.store(&alice, guarded(tags(&["x"])), "0").await, HubError::Stale);
        assert!(t.names(&alice, ROOT).await.is_empty());

        let first = t.store(&alice, guarded(Guard::Absent), "1").await.unwrap().node;
        refused!(
            t.store(&alice, guarded(Guard::Absent), "2").await,
            HubError::Stale
        );
        t.store(&alice, guarded(Guard::Exists), "2").await.unwrap();
        refused!(
            t.store(&alice, guarded(tags(&[&first.etag()])), "3").await,
            HubError::Stale
        );
        let current = t.info(&alice, first.id).await.unwrap().node;
        let third = t
            .store(&alice, guarded(tags(&["other", &current.etag()])), "3")
            .await
            .unwrap();
        assert_eq!(third.node.version.unwrap().number, 3);
        let over = Upload {
            guard: tags(&[&first.etag()]),
            ..upload(UploadPlace::Over(first.id))
        };
        refused!(t.store(&alice, over, "4").await, HubError::Stale);
        assert_eq!(t.bytes_of(&alice, first.id).await, b"3");
    })
    .await;
}

#[tokio::test]
async fn guards_and_names_are_looked_at_before_a_big_body_is_read() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "report.pdf", "x").await;
        let at = |path: &str| upload(UploadPlace::Path(path.parse().unwrap()));
        let absent = |upload: Upload| Upload {
            guard: Guard::Absent,
            ..upload
        };
        let fail = |upload: Upload| Upload {
            on_conflict: OnConflict::Fail,
            ..upload
        };
        let missing = model::NodeId::new(t.time(), [1; 10]);
        for upload in [
            guarded(Guard::Absent),
            with(OnConflict::Fail),
            absent(at("report.pdf")),
            fail(at("report.pdf")),
            at("report.pdf/below"),
            upload(UploadPlace::Over(missing)),
            into(missing, "x"),
            into(&file, "x"),
        ] {
            let shown = format!("{upload:?}");
            let unread = futures_util::stream::poll_fn(move |_| panic!("the body was read: {shown}"));
            let outcome = t
                .upload(&alice, upload.clone(), Expected::default(), Box::pin(unread))
                .await;
            assert!(outcome.is_err(), "{upload:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_path_makes_missing_folders_together_with_the_file() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let at = |path: &str| upload(UploadPlace::Path(path.parse().unwrap()));

        let stored = t.store(&alice, at("a/b/file.txt"), "1").await.unwrap();
        assert_eq!(t.path_of(&alice, stored.node.id).await, "/a/b/file.txt");
        let again = t.store(&alice, at("/a/b/file.txt"), "2").await.unwrap();
        assert_eq!((again.node.id, again.was_created), (stored.node.id, false));
        let refusal = Upload {
            guard: Guard::Exists,
            ..at("c/d/file.txt")
        };
        refused!(t.store(&alice, refusal, "x").await, HubError::Stale);
        assert_eq!(t.names(&alice, ROOT).await, ["a/"]);
    })
    .await;
}

#[tokio::test]
async fn an_upload_over_a_file_finds_it_wherever_it_is_by_then() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "1").await;
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        let change = NodeChange {
            name: Some(named("other")),
            folder: Some((&folder).into()),
            ..NodeChange::default()
        };
        t.change_node(&alice, file.id, change).await.unwrap();

        let over = upload(UploadPlace::Over(file.id));
        t.store(&alice, over.clone(), "2").await.unwrap();
        assert_eq!(t.bytes_of(&alice, file.id).await, b"2");
        t.delete(&alice, file.id, Guard::None).await.unwrap();
        refused!(t.store(&alice, over, "3").await, HubError::NotFound(_));
        refused!(
            t.store(&alice, upload(UploadPlace::Over(folder.id)), "3").await,
            HubError::NotFound(_)
        );
    })
    .await;
}

#[tokio::test]
async fn small_contents_live_in_the_catalog_and_longer_ones_in_the_store() {
    let set = |config: &mut Config| config.inline_bytes = 100;
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        for (size, stored) in [(0, 0), (1, 0), (99, 0), (100, 0), (101, 1), (5000, 2)] {
            let bytes = vec![b'x'; size];
            for expected in [Expected::default(), sized(size as u64)] {
                let name = format!("{size} {}", expected.size_bytes.is_some());
                let outcome = t.upload(&alice, into(ROOT, &name), expected, body(&bytes)).await;
                let file = outcome.unwrap().node;
                assert_eq!(t.bytes_of(&alice, file.id).await, bytes);
            }
            assert_eq!(t.stored().len(), stored, "after {size} bytes");
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_range_is_what_of_it_there_is() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let long: Vec<u8> = (0..50_000_u32).map(|n| n as u8).collect();
        for (name, bytes) in [("short", b"0123456789".to_vec()), ("long", long)] {
            let file = t.put(&alice, ROOT, name, &bytes).await;
            let download = t.open_file(&alice, file.id, None).await.unwrap();
            let end = bytes.len() as u64;
            for (range, expected) in [
                (0..end, &bytes[..]),
                (3..5, &bytes[3..5]),
                (end - 1..end, &bytes[bytes.len() - 1..]),
                (end - 1..u64::MAX, &bytes[bytes.len() - 1..]),
                (end..u64::MAX, &[]),
                (u64::MAX..u64::MAX, &[]),
            ] {
                let stream = t.read_content(&download, range.clone()).await.unwrap();
                let chunks: Vec<_> = stream.map(Result::unwrap).collect().await;
                assert_eq!(chunks.concat(), expected, "{name} {range:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn equal_bytes_are_stored_once() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let first = t.put(&alice, ROOT, "one", big(b'a')).await;
        t.put(&alice, ROOT, "two", big(b'a')).await;
        let other = t.put(&bob, ROOT, "three", big(b'a')).await;
        t.put(&alice, ROOT, "small", "s").await;
        t.put(&bob, ROOT, "small", "s").await;

        assert_eq!(t.stored().len(), 1);
        assert_eq!(first.version.unwrap().blob, other.version.unwrap().blob);
        assert_eq!(t.used_bytes(&alice).await, 2 * 20 * 1024 + 1);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn equal_bytes_at_the_same_time_are_stored_once() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let uploads = (0..20).map(|n| {
            let who = if n % 2 == 0 { &alice } else { &bob };
            t.store(who, into(ROOT, &format!("file {n}")), big(b'a'))
        });
        let outcomes = futures_util::future::join_all(uploads).await;

        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(t.stored().len(), 1);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_what_was_announced_leaves_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let digest = |text: &[u8]| Expected {
            digest: Some(content::digest(text)),
            ..Expected::default()
        };
        let md5 = |md5: [u8; 16]| Expected {
            md5: Some(md5),
            ..Expected::default()
        };
        for bytes in [b"hello".to_vec(), big(b'h')] {
            let size = bytes.len() as u64;
            for (expected, what) in [
                (digest(b"other"), "SHA-256"),
                (md5([0; 16]), "MD5"),
                (sized(size - 1), "length"),
                (sized(size + 1), "length"),
                (sized(0), "length"),
            ] {
                match t.upload(&alice, into(ROOT, "file"), expected, body(&bytes)).await {
                    Err(HubError::DigestMismatch(found)) => assert_eq!(found, what),
                    other => panic!("{what}: {other:?}"),
                }
            }
        }
        assert!(t.names(&alice, ROOT).await.is_empty());
        assert!(t.stored().is_empty());
        // MD5 of `hello`, as md5sum prints it.
        let hello = *b"\x5d\x41\x40\x2a\xbc\x4b\x2a\x76\xb9\x71\x9d\x91\x10\x17\xc5\x92";
        let right = Expected {
            size_bytes: Some(5),
            ..md5(hello)
        };
        let right = Expected {
            digest: Some(content::digest(b"hello")),
            ..right
        };
        t.upload(&alice, into(ROOT, "file"), right, body(b"hello"))
            .await
            .unwrap();
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for bytes in [b"hello".to_vec(), big(b'h')] {
            let end = futures_util::stream::once(async { Err(BodyError::Incomplete) });
            let broken = Box::pin(body(&bytes).chain(end));
            let outcome = t
                .upload(&alice, into(ROOT, "file"), Expected::default(), broken)
                .await;
            refused!(outcome, HubError::Body(BodyError::Incomplete));
        }
        assert!(t.names(&alice, ROOT).await.is_empty());
        assert!(t.stored().is_empty());
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_may_be_as_long_as_the_limit_and_no_longer() {
    let set = |config: &mut Config| {
        config.file_bytes = 1000;
        config.inline_bytes = 100;
    };
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        for (size, fits) in [(999, true), (1000, true), (1001, false), (100_000, false)] {
            let bytes = vec![b'x'; size];
            for expected in [Expected::default(), sized(size as u64)] {
                let outcome = t.upload(&alice, into(ROOT, "file"), expected, body(&bytes)).await;
                match fits {
                    true => assert!(outcome.is_ok(), "{size}: {outcome:?}"),
                    false => refused!(outcome, HubError::TooLarge { limit_bytes: 1000 }),
                }
            }
        }
        t.check_sound().await;
    })
    .await;
}

async fn of_kinds(t: &TestHub, who: &model::Actor) -> Vec<NodeKind> {
    let page = t
        .children(
            who,
            ROOT,
            (None, model::Sort::default()),
            super::harness::part(10),
        )
        .await;
    page.unwrap().items.iter().map(|item| item.node.kind).collect()
}

#[tokio::test]
async fn two_uploads_of_one_new_name_make_one_file_with_two_versions() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let uploads = (0..10).map(|n| t.store(&alice, into(ROOT, "file"), format!("content {n}")));
        let outcomes = futures_util::future::join_all(uploads).await;

        let created = outcomes
            .iter()
            .filter(|outcome| outcome.as_ref().unwrap().was_created);
        assert_eq!(created.count(), 1);
        assert_eq!(of_kinds(&t, &alice).await, [NodeKind::File]);
        let mut numbers: Vec<u64> = outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap().node.version.unwrap().number)
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn of_many_guarded_overwrites_of_one_version_exactly_one_succeeds() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let etag = t.put(&alice, ROOT, "report.pdf", "0").await.etag();
        let uploads = (0..10).map(|n| {
            let guard = Guard::Matches(vec![etag.clone()]);
            t.store(&alice, guarded(guard), format!("content {n}"))
        });
        let outcomes = futures_util::future::join_all(uploads).await;

        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let others = outcomes.into_iter().filter(Result::is_err);
        others.for_each(|outcome| refused!(outcome, HubError::Stale));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_the_write_whole() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for n in 0..20_usize {
            let bytes = if n % 2 == 0 {
                b"small".to_vec()
            } else {
                big(b'0' + n as u8)
            };
            let mut upload = Box::pin(t.store(&alice, into(ROOT, &format!("file {n}")), bytes));
            // Polled a few times, then dropped, as when a client hangs up.
            for _ in 0..n {
                tokio::select! {
                    biased;
                    outcome = &mut upload => { outcome.unwrap(); break; }
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        t.0.tasks.close();
        t.0.tasks.wait().await;

        let page = t.recent(&alice, 0, super::harness::part(100)).await.unwrap();
        for item in page.items {
            let bytes = t.bytes_of(&alice, item.node.id).await;
            assert_eq!(bytes.len() as u64, item.node.size_bytes());
        }
        let report = t.fsck(crate::Verify::Digest).await.unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
    })
    .await;
}
