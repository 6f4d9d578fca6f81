//! From clouds with ids to folders without, and back.

use fake_clouds::drive::DriveAccount;
use model::{MigrationItemState, MigrationProof};

use super::super::super::harness::on_each_engine_with;
use super::super::{Clouds, link};
use super::{Disk, again, begin, count, emptied, finish, items, new, proven, put, settle, tree};
use crate::NewMigration;

/// Times that contents were read.
fn reads(clouds: &Clouds) -> usize {
    let is_read = |seen: &&fake_clouds::Seen| seen.query.contains("alt=media");
    clouds.google.requests().iter().filter(is_read).count()
}

fn contents(account: &DriveAccount) -> Vec<(String, String)> {
    let tree = account.tree().into_iter();
    let files = tree.filter_map(|(path, entry)| {
        let bytes = entry.bytes?;
        Some((path, String::from_utf8(bytes.to_vec()).unwrap()))
    });
    files.collect()
}

#[tokio::test]
async fn what_is_renamed_or_moved_at_the_source_is_moved_at_the_target_without_a_byte() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let account = emptied(&clouds);
        let root = account.root();
        let folder = account.create_folder(&root, "Folder");
        let inner = account.create_folder(&folder, "Inner");
        let deep = account.create_file(&inner, "deep.txt", "deep");
        let one = account.create_file(&root, "one.txt", "1");
        let two = account.create_file(&root, "two.txt", "2");
        let goes = account.create_file(&folder, "goes.txt", "goes");
        let (target, to) = disk.connect(&t, &ada, "to").await;
        let from = link(&t, &ada, "google").await.unwrap().connection.id;
        let with_deletes = NewMigration {
            deletes_gone: true,
            ..new(from, to)
        };
        let id = begin(&t, &ada, with_deletes).await;
        settle(&t, &ada, id).await;
        let before = reads(&clouds);
        assert_eq!(tree(&target.join("Moved")).len(), 6);

        // Two names are swapped, a folder with a folder in it has another name and place, and something goes.
        account.rename(&one, "x");
        account.rename(&two, "one.txt");
        account.rename(&one, "two.txt");
        let other = account.create_folder(&root, "Other");
        account.move_to(&folder, &other);
        account.rename(&folder, "Renamed");
        account.rename(&deep, "deeper.txt");
        account.trash(&goes);
        t.pass_secs(61);
        again(&t, &ada, id).await;
        let found = tree(&target.join("Moved"));
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("Other/", ""),
                ("Other/Renamed/", ""),
                ("Other/Renamed/Inner/", ""),
                ("Other/Renamed/Inner/deeper.txt", "deep"),
                ("one.txt", "2"),
                ("two.txt", "1"),
            ]
        );
        assert_eq!(reads(&clouds), before, "no content was read again");

        // What was moved is still known as what was written here.
        account.write(&deep, "deep, changed");
        t.pass_secs(61);
        again(&t, &ada, id).await;
        let report = finish(&t, &ada, id).await;
        assert_eq!(
            tree(&target.join("Moved"))["Other/Renamed/Inner/deeper.txt"],
            "deep, changed"
        );
        assert_eq!(
            (
                proven(&report, MigrationProof::Proven),
                count(&report, MigrationItemState::Removed)
            ),
            (3, 1)
        );
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn documents_shortcuts_duplicates_and_odd_names_are_brought_over_or_told() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let account = emptied(&clouds);
        let root = account.root();
        let document = account.make_doc(&root, "Plan", "document", "the plan");
        let _ = account.make_shortcut(&root, "Short", &document);
        let _ = account.create_file(&root, "same.txt", "one");
        let _ = account.create_file(&root, "same.txt", "two");
        let _ = account.create_file(&root, "12/31.txt", "slash");
        let (target, to) = disk.connect(&t, &ada, "to").await;
        let from = link(&t, &ada, "google").await.unwrap().connection.id;
        let id = begin(&t, &ada, new(from, to)).await;
        let report = finish(&t, &ada, id).await;
        let found = tree(&target.join("Moved"));
        let mut same = [found["same.txt"].as_str(), found["same (2).txt"].as_str()];
        same.sort_unstable();
        assert_eq!(same, ["one", "two"]);
        assert_eq!(found["12／31.txt"], "slash");
        let known = items(&t, &ada, id).await;
        assert_eq!(known["Short"].state, MigrationItemState::Unmovable);
        assert!(known["12/31.txt"].note.as_ref().unwrap().contains("12／31.txt"));
        assert_eq!(known["Plan"].state, MigrationItemState::Done);
        assert!(found.keys().any(|name| name.starts_with("Plan.")), "{found:?}");
        assert_eq!(count(&report, MigrationItemState::Done), 4);

        // Where documents are only to be listed, none is made.
        let listed = NewMigration {
            to: (to, "/Listed".to_owned()),
            documents: model::MigrationDocuments::List,
            ..new(from, to)
        };
        let id = begin(&t, &ada, listed).await;
        settle(&t, &ada, id).await;
        assert_eq!(
            items(&t, &ada, id).await["Plan"].state,
            MigrationItemState::Unmovable
        );
        assert!(
            !tree(&target.join("Listed"))
                .keys()
                .any(|name| name.starts_with("Plan"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_drive_that_takes_several_of_one_name_gets_each_once() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let account = emptied(&clouds);
        let moved = account.create_folder(&account.root(), "Moved");
        let _ = account.create_file(&moved, "there.txt", "there");
        let _ = account.create_file(&moved, "other.txt", "something else");
        let (source, from) = disk.connect(&t, &ada, "from").await;
        for name in ["there.txt", "other.txt", "new.txt", "Folder/below.txt"] {
            put(&source, name, name.split('.').next().unwrap());
        }
        let to = link(&t, &ada, "google").await.unwrap().connection.id;
        let id = begin(&t, &ada, new(from, to)).await;
        settle(&t, &ada, id).await;
        put(&source, "new.txt", "newer");
        let report = finish(&t, &ada, id).await;
        let expected = [
            ("Moved/Folder/below.txt", "Folder/below"),
            ("Moved/new.txt", "newer"),
            ("Moved/other.txt", "something else"),
            ("Moved/there.txt", "there"),
        ];
        let expected = expected.map(|(path, text)| (path.to_owned(), text.to_owned()));
        assert_eq!(contents(&account), expected);
        assert_eq!(count(&report, MigrationItemState::Conflict), 1);
        // The provider's hashes are those of what was sent.
        assert_eq!(proven(&report, MigrationProof::Asserted), 3);
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    })
    .await;
}
