//! Very many items, in bounded memory and each once.

use std::collections::BTreeSet;
use std::fs;

use super::world::Folder;
use crate::contract::{Scene, World};
use crate::{Connector, Cursor, Entry, Next};

/// More than one run of names.
const MANY: usize = 45_000;

fn fill(folder: &Folder) {
    fs::create_dir(folder.path("many")).expect("a folder");
    for number in 0..MANY {
        // The order of names is not that in which they are made.
        let name = format!("many/{:05} {number}", (number * 7919) % MANY);
        fs::File::create(folder.path(&name)).expect("a file");
    }
    fs::write(folder.path("zlast"), "last").expect("a file");
}

async fn follow(drive: &dyn Connector, mut after: impl FnMut(usize)) -> Vec<String> {
    let mut told = Vec::new();
    let mut cursor: Option<Cursor> = None;
    for page in 0.. {
        let told_now = drive.changes(cursor.as_ref()).await.expect("changes");
        assert!(told_now.entries.len() <= super::PAGE_ITEMS);
        for entry in told_now.entries {
            match entry {
                Entry::Is(item) => told.push(item.id.0),
                Entry::Gone(id) => panic!("{id:?}"),
            }
        }
        after(page);
        match told_now.next {
            Next::More(next) => cursor = Some(next),
            Next::Settled(_) => break,
        }
    }
    told
}

#[tokio::test]
async fn a_folder_of_very_many_is_told_in_order_and_each_once() {
    let folder = Folder::open().await;
    fill(&folder);

    let told = follow(&*folder.drive, |_| {}).await;

    assert_eq!(told.len(), MANY + 2);
    assert!(told.is_sorted());
    let drive = folder.connector();
    let scene = Scene::new(folder).await;
    let many = scene.need("many").await;
    assert_eq!(scene.children(&many.id).await.len(), MANY);
    drop(drive);
}

#[tokio::test]
async fn another_server_goes_on_where_this_one_stopped() {
    let folder = Folder::open().await;
    fill(&folder);
    let other = folder.again(|_| {}).expect("a drive");
    let mut told = BTreeSet::new();
    let mut cursor: Option<Cursor> = None;
    for page in 0.. {
        let drive: &dyn Connector = if page % 2 == 0 { &*folder.drive } else { &other };
        let now = drive.changes(cursor.as_ref()).await.expect("changes");
        let count = told.len();
        told.extend(now.entries.iter().map(|entry| match entry {
            Entry::Is(item) => item.id.0.clone(),
            Entry::Gone(id) => panic!("{id:?}"),
        }));
        assert_eq!(told.len(), count + now.entries.len(), "nothing twice");
        match now.next {
            Next::More(next) => cursor = Some(next),
            Next::Settled(_) => break,
        }
    }

    assert_eq!(told.len(), MANY + 2);
}

#[tokio::test]
async fn what_stays_is_told_whatever_happens_beside_it() {
    let folder = Folder::open().await;
    fill(&folder);
    let root = folder.path("");

    let told = follow(&*folder.drive, |page| {
        for number in 0..200 {
            let number = page * 200 + number;
            let gone = format!("many/{:05} {number}", (number * 7919) % MANY);
            let _ = fs::remove_file(root.join(gone));
            fs::write(root.join(format!("many/{:05} new", (number * 31) % MANY)), "new").expect("a file");
        }
    })
    .await;

    let told: BTreeSet<String> = told.into_iter().collect();
    for entry in fs::read_dir(root.join("many")).expect("read") {
        let name = entry.expect("entry").file_name().into_string().expect("text");
        assert!(
            name.ends_with(" new") || told.contains(&format!("many/{name}")),
            "{name} was there all the time"
        );
    }
}
