//! The archive in the store, and catalogs that are rebuilt from it after theirs is lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use catalog::ARCHIVED;
use model::{Actor, Guard, JobKind, LinkMode, NodeKind, Right};

use super::database::Database;
use super::harness::{
    PASSWORD, ROOT, TestHub, address, big, by, here, named, on_each_engine, on_each_engine_with, part,
};
use crate::{BackupError, Config, NewLink, NewShare, Person, RestoreReport, UserChange, restore_from_store};

const DAY: i64 = 24 * 60 * 60;

/// Lets the archive be written.
pub(super) fn archiving(config: &mut Config) {
    config.archive_secs = Some(60);
}

/// Has the archive written, with a base if there is none.
pub(super) async fn archive(t: &TestHub) {
    let mut tx = t.catalog.write().await.unwrap();
    t.queue_chore(&mut tx, JobKind::Archive, t.time()).await.unwrap();
    tx.commit().await.unwrap();
    t.do_jobs().await;
}

/// Forgets the catalog, rebuilds it from the store on each engine, and looks at it.
pub(super) async fn rebuilt_on_each_engine(t: &TestHub, look: impl AsyncFn(&TestHub, &RestoreReport)) {
    for database in Database::of_each_engine().await {
        let empty = t.with_another_catalog(&database).await;
        let report = restore_from_store(&empty.restore_parts(), None).await.unwrap();
        look(&empty.again_at(t.time()).await, &report).await;
        drop(empty);
        database.remove().await;
    }
}

async fn refusal(t: &TestHub, generation: Option<&str>) -> String {
    let database = Database::Sqlite(tempfile::tempdir().unwrap());
    let empty = t.with_another_catalog(&database).await;
    match restore_from_store(&empty.restore_parts(), generation).await {
        Err(BackupError::Refused(sentence)) => sentence,
        other => panic!("not refused: {other:?}"),
    }
}

/// The files of the archive, by name.
fn segments(t: &TestHub) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![t.store_folder().join("notes").join("journal")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn segment(t: &TestHub, beginning: &str) -> PathBuf {
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(beginning);
    segments(t)
        .into_iter()
        .rfind(name)
        .expect("there is such a segment")
}

/// Every path with its versions and the digests of their bytes.
async fn tree(t: &TestHub, who: &Actor) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(t.root(who).await, String::new())];
    while let Some((folder, path)) = folders.pop() {
        let page = t.children(who, folder.into(), (None, by(model::SortKey::Name)), part(1000));
        for item in page.await.unwrap().items {
            let path = format!("{path}/{}", item.node.name);
            let mut versions = Vec::new();
            if item.node.kind == NodeKind::File {
                for version in t.versions(who, item.node.id, part(1000)).await.unwrap().items {
                    let bytes = t
                        .content_of(who, item.node.id, Some(version.number))
                        .await
                        .unwrap();
                    versions.push((version.number, content::digest(&bytes).to_string()));
                }
            } else {
                folders.push((item.node.id, path.clone()));
            }
            found.insert(path, versions);
        }
    }
    found
}

#[tokio::test]
async fn people_trees_names_and_rights_come_back_from_the_store_alone() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        archive(&t).await;
        let bob = t.user("bob").await;
        let bob_id = t.me(&bob).await.unwrap().user.id;
        let quota = UserChange {
            quota_bytes: Some(Some(1 << 30)),
            ..UserChange::default()
        };
        t.change_user(&alice, bob_id, quota).await.unwrap();
        let folder = t.new_path(&alice, "/a/b").await;
        let file = t.put(&alice, &folder, "file", big(b'1')).await;
        t.put(&alice, &folder, "file", b"small").await;
        archive(&t).await;
        t.put(&alice, &folder, "file", big(b'3')).await;
        t.remove_version(&alice, file.id, 1).await.unwrap();
        let gone = t.new_path(&alice, "/purged/with/all").await;
        t.put(&alice, &gone, "below", big(b'x')).await;
        t.archive_last().await.unwrap();
        let top = t.info(&alice, gone.id).await.unwrap().node.parent.unwrap();
        let top = t.info(&alice, top).await.unwrap().node.parent.unwrap();
        t.delete(&alice, top, Guard::None).await.unwrap();
        t.purge(&alice, top).await.unwrap();
        share(&t, &alice, folder.id).await;
        let url = link(&t, &alice, file.id).await;
        t.archive_last().await.unwrap();
        t.do_jobs().await;

        let before = tree(&t, &alice).await;
        rebuilt_on_each_engine(&t, async |r, report| {
            assert_eq!((report.damage.len(), report.notes.len()), (0, 0), "{report:?}");
            assert_eq!(
                r.fsck(crate::Verify::Digest).await.unwrap().damage,
                Vec::<String>::new()
            );
            let sign_in = r.log_in(&address("bob"), PASSWORD, &here()).await.unwrap();
            let bob = r.actor(&sign_in).await;
            assert_eq!(r.me(&bob).await.unwrap().quota_bytes, Some(1 << 30));
            assert_eq!(r.bytes_of(&bob, file.id).await, big(b'3'));
            assert_eq!(tree(r, &alice).await, before);
            assert_eq!(r.used_bytes(&alice).await, t.used_bytes(&alice).await);
            let mut tx = r.catalog.read().await.unwrap();
            let links = tx.links_of_node(file.id, 10).await.unwrap();
            assert_eq!(links.iter().map(|link| link.id).collect::<Vec<_>>(), [url]);
            drop(tx);
            let more = r.put(&alice, &folder, "more", b"and on it goes").await;
            assert_eq!(r.path_of(&alice, more.id).await, "/a/b/more");
        })
        .await;
    })
    .await;
}

async fn share(t: &TestHub, who: &Actor, node: model::NodeId) {
    let share = NewShare {
        node,
        to: Person::Email(address("bob").parse().unwrap()),
        right: Right::View,
        may_share: false,
    };
    t.share(who, share).await.unwrap();
}

async fn link(t: &TestHub, who: &Actor, node: model::NodeId) -> model::LinkId {
    let link = NewLink {
        node,
        mode: LinkMode::View,
        password: None,
        label: "to see".to_owned(),
        expires_ms: None,
        most_downloads: None,
    };
    t.create_link(who, link).await.unwrap().link.id
}

#[tokio::test]
async fn what_was_uploaded_after_the_last_segment_is_listed_and_not_swept() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        t.put(&alice, ROOT, "kept", big(b'k')).await;
        archive(&t).await;
        t.put(&alice, ROOT, "late", big(b'l')).await;

        rebuilt_on_each_engine(&t, async |r, report| {
            assert_eq!(r.names(&alice, ROOT).await, ["kept"]);
            assert_eq!(report.notes.len(), 1, "{:?}", report.notes);
            let stored = r.stored().len();
            r.pass_secs(29 * DAY);
            r.upkeep().await;
            assert_eq!(r.stored().len(), stored);
        })
        .await;
        let database = Database::Sqlite(tempfile::tempdir().unwrap());
        let empty = t.with_another_catalog(&database).await;
        restore_from_store(&empty.restore_parts(), None).await.unwrap();
        let r = empty.again_at(t.time()).await;
        r.pass_secs(2 * DAY + 30 * DAY);
        r.upkeep().await;
        assert_eq!(r.names(&alice, ROOT).await, ["kept"]);
        r.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_cut_or_missing_delta_ends_what_is_rebuilt_and_is_told() {
    for is_cut in [true, false] {
        on_each_engine_with(archiving, async |t| {
            let alice = t.user("alice").await;
            archive(&t).await;
            for name in ["1", "2", "3"] {
                t.put(&alice, ROOT, name, name).await;
                t.archive_last().await.unwrap();
            }
            let deltas: Vec<PathBuf> = segments(&t)
                .into_iter()
                .filter(|path| path.to_string_lossy().contains("delta-"))
                .collect();
            let second = &deltas[deltas.len() - 2];
            match is_cut {
                true => {
                    let bytes = std::fs::read(second).unwrap();
                    std::fs::write(second, &bytes[..bytes.len() / 2]).unwrap();
                }
                false => std::fs::remove_file(second).unwrap(),
            }

            rebuilt_on_each_engine(&t, async |r, report| {
                assert_eq!(r.names(&alice, ROOT).await, ["1"]);
                assert!(report.notes[0].contains("is lost"), "{:?}", report.notes);
                r.check_sound().await;
            })
            .await;
        })
        .await;
    }
}

#[tokio::test]
async fn deltas_that_belong_together_count_together() {
    let set = |config: &mut Config| {
        archiving(config);
        config.inline_bytes = 1 << 20;
    };
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        archive(&t).await;
        t.put(&alice, ROOT, "before", b"1").await;
        t.archive_last().await.unwrap();
        let first = segments(&t).len();
        for number in 0..20 {
            t.put(&alice, ROOT, &format!("{number}"), b"2").await;
        }
        t.archive_last().await.unwrap();
        assert!(segments(&t).len() >= first + 3);
        rebuilt_on_each_engine(&t, async |r, _| {
            assert_eq!(tree(r, &alice).await, tree(&t, &alice).await);
            r.check_sound().await;
        })
        .await;

        std::fs::remove_file(segment(&t, "delta-")).unwrap();

        rebuilt_on_each_engine(&t, async |r, _| {
            assert_eq!(r.names(&alice, ROOT).await, ["before"]);
            r.check_sound().await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_archive_without_a_whole_base_is_refused() {
    on_each_engine_with(archiving, async |t| {
        assert!(
            refusal(&t, None)
                .await
                .contains("no store of the settings holds an archive")
        );
        let alice = t.user("alice").await;
        t.put(&alice, ROOT, "a", b"a").await;
        archive(&t).await;
        assert!(
            refusal(&t, Some("other"))
                .await
                .contains("no whole archive `other`")
        );
        let base = segment(&t, "base-0");
        let bytes = std::fs::read(&base).unwrap();

        std::fs::write(&base, &bytes[1..]).unwrap();
        assert!(refusal(&t, None).await.contains("missing or damaged"));
        std::fs::remove_file(&base).unwrap();
        assert!(refusal(&t, None).await.contains("missing or damaged"));
        std::fs::write(&base, &bytes).unwrap();
        std::fs::remove_file(segment(&t, "base-done")).unwrap();
        assert!(refusal(&t, None).await.contains("no archive whose base is whole"));
    })
    .await;
}

#[tokio::test]
async fn a_rebuild_goes_into_an_empty_catalog_only() {
    on_each_engine_with(archiving, async |t| {
        t.user("alice").await;
        archive(&t).await;
        match restore_from_store(&t.restore_parts(), None).await {
            Err(BackupError::Refused(sentence)) => assert!(sentence.contains("stored here already")),
            other => panic!("not refused: {other:?}"),
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn contents_that_the_store_lost_are_told_with_their_files() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        let lost = t.put(&alice, ROOT, "lost", big(b'l')).await;
        archive(&t).await;
        std::fs::remove_file(t.stored().remove(0)).unwrap();

        rebuilt_on_each_engine(&t, async |_, report| {
            assert_eq!(report.damage.len(), 1);
            assert!(
                report.damage[0].contains(&lost.id.to_string()),
                "{:?}",
                report.damage
            );
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn deltas_that_outgrow_their_base_are_replaced_by_a_new_one() {
    let set = |config: &mut Config| {
        archiving(config);
        config.inline_bytes = 2 << 20;
    };
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        archive(&t).await;
        let first = segments(&t);
        for letter in b'a'..=b'm' {
            t.put(&alice, ROOT, "file", vec![letter; 1 << 20]).await;
            t.archive_last().await.unwrap();
        }
        assert!(first.iter().all(|path| path.exists()));

        t.pass_secs(1);
        archive(&t).await;

        assert!(!first.iter().any(|path| path.exists()));
        rebuilt_on_each_engine(&t, async |r, _| {
            r.check_sound().await;
            let versions = tree(r, &alice).await.remove("/file").unwrap();
            assert_eq!(versions.len(), 13);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_archive_is_due_only_when_something_changed() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        let archived = async || {
            t.pass_secs(60);
            t.upkeep().await.iter().any(|(kind, _)| *kind == JobKind::Archive)
        };
        assert!(archived().await);
        assert!(!archived().await);
        let file = t.put(&alice, ROOT, "file", b"1").await;
        assert!(archived().await);
        assert!(!archived().await);
        t.star(&alice, file.id, true).await.unwrap();
        assert!(archived().await);
        assert!(!archived().await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_that_is_taken_during_writes_becomes_whole() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        let t = &t;
        for number in 0..30_u8 {
            let folder = t.new_path(&alice, &format!("/old/{number}")).await;
            t.put(&alice, &folder, "file", [number]).await;
        }
        let write = async |lane: u8| {
            for number in 0..12_u8 {
                let folder = t.new_path(&alice, &format!("/old/{number}")).await;
                let file = t.put(&alice, &folder, "file", big(lane * 16 + number)).await;
                let other = t.new_path(&alice, &format!("/new/{lane}/{number}")).await;
                let change = crate::NodeChange {
                    name: Some(named("moved")),
                    folder: Some((&other).into()),
                    on_conflict: model::OnConflict::KeepBoth,
                    guard: Guard::None,
                };
                // Another lane may have moved it first.
                let _ = t.change_node(&alice, file.id, change).await;
                t.put(&alice, &folder, "file", [lane, number]).await;
            }
        };
        let take = async {
            for _ in 0..3 {
                let mut tx = t.catalog.write().await.unwrap();
                tx.set_archive_state("{}").await.unwrap();
                tx.commit().await.unwrap();
                t.tick();
                archive(t).await;
            }
        };
        futures_util::future::join3(write(1), write(2), take).await;
        t.archive_last().await.unwrap();

        let before = tree(t, &alice).await;
        rebuilt_on_each_engine(t, async |r, _| {
            assert_eq!(tree(r, &alice).await, before);
            r.check_sound().await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn contents_that_were_mended_are_found_where_they_are_now() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'f')).await;
        archive(&t).await;
        for path in t.stored() {
            if std::fs::read(&path).is_ok_and(|bytes| bytes == big(b'f')) {
                std::fs::remove_file(path).unwrap();
            }
        }
        // The same bytes again: no entry of a journal tells that those of the first file came back.
        let other = t.put(&alice, ROOT, "other", big(b'f')).await;
        t.delete(&alice, other.id, Guard::None).await.unwrap();
        t.archive_last().await.unwrap();

        rebuilt_on_each_engine(&t, async |r, report| {
            assert_eq!(report.damage, Vec::<String>::new());
            assert_eq!(r.bytes_of(&alice, file.id).await, big(b'f'));
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_archive_at_once_lose_nothing() {
    on_each_engine_with(archiving, async |t| {
        let alice = t.user("alice").await;
        archive(&t).await;
        let other = t.reopened(archiving).await;
        let t = &t;
        let write = async {
            for number in 0..20_u8 {
                t.put(&alice, ROOT, "file", [number]).await;
                t.new_path(&alice, &format!("/folder/{number}")).await;
            }
        };
        let archive = async |hub: &crate::Hub| {
            for _ in 0..20 {
                hub.archive_last().await.unwrap();
            }
        };
        futures_util::future::join3(write, archive(t), archive(&other)).await;
        t.archive_last().await.unwrap();

        let before = tree(t, &alice).await;
        rebuilt_on_each_engine(t, async |r, _| {
            assert_eq!(tree(r, &alice).await, before);
            r.check_sound().await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn every_table_is_archived_or_left_out_on_purpose() {
    on_each_engine(async |t| {
        // Drives are linked again: their credentials would be sealed with a key that may be lost with the database.
        // What mirrors know of both sides would be of no use without them, and is found again by comparing.
        let linked = [
            "connections",
            "mirrors",
            "mirror_entries",
            "mirror_dirty",
            "mirror_intents",
            "mirror_events",
            "conflicts",
            "content_hashes",
        ];
        let left_out = ["invites", "jobs", "tickets"];
        let tables = t.catalog.read().await.unwrap().tables().await.unwrap();
        for table in tables {
            let name = table.name.as_str();
            assert!(
                ARCHIVED.contains(&name) || linked.contains(&name) || left_out.contains(&name),
                "{name}"
            );
        }
    })
    .await;
}
