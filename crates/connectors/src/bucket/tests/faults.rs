//! What goes wrong in the midst of calls that take several requests.

use model::Millis;

use super::emulators::proxy::{Fault, Seen};
use super::world::{BucketWorld, Service, code, now};
use crate::connector::{Connector, ItemId, NoJournal, Relocate, RemoteError, Target, Upload};
use crate::contract::{Bytes, Kept, World as _, sample};
use crate::{Item, UploadJournal};

const ROOT: &str = "/";

fn root() -> ItemId {
    ItemId(ROOT.to_owned())
}

async fn send(world: &BucketWorld, bytes: &[u8], journal: &dyn UploadJournal) -> Result<Item, RemoteError> {
    send_as(world, ("big.bin", None), bytes, journal).await
}

async fn send_as(
    world: &BucketWorld,
    (name, modified): (&str, Option<Millis>),
    bytes: &[u8],
    journal: &dyn UploadJournal,
) -> Result<Item, RemoteError> {
    let upload = Upload {
        target: Target::Create {
            parent: &root(),
            name,
            id: None,
        },
        source: &Bytes(bytes.to_vec()),
        media_type: "application/octet-stream",
        modified,
        journal,
    };
    world.bucket.upload(upload).await.map(|written| written.item)
}

async fn rename(world: &BucketWorld, id: &str, name: &str) -> Result<Item, RemoteError> {
    let to = Relocate {
        parent: None,
        name: Some(name),
        expected: None,
    };
    world.bucket.relocate(&ItemId(id.to_owned()), to).await
}

fn is_part(seen: &Seen) -> bool {
    seen.method == "PUT" && (seen.target.contains("partNumber=") || seen.target.contains("comp=block&"))
}

/// What makes the whole of the parts.
fn is_end(seen: &Seen) -> bool {
    let is_s3 = seen.method == "POST" && seen.target.contains("uploadId=");
    is_s3 || (seen.method == "PUT" && seen.target.contains("comp=blocklist"))
}

async fn each() -> [Service; 2] {
    [Service::s3().await, Service::azure().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_new_files_of_a_folder_cost_a_request_each_and_few_more() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.proxy.take_seen();
        for number in 0..20 {
            let name = format!("{number}.bin");
            let made = send_as(&world, (&name, Some(now())), b"new", &NoJournal).await;
            made.expect("upload");
        }
        let asked = world.proxy.take_seen().len();
        assert!(asked <= 23, "{asked} requests");

        world
            .bucket
            .make_folder(&root(), "taken", None)
            .await
            .expect("make");
        let taken = send_as(&world, ("taken", None), b"new", &NoJournal).await;
        assert!(matches!(taken, Err(RemoteError::Exists)), "{taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_that_arrived_are_not_sent_again() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        let (bytes, journal) = (sample(17 * 1024 * 1024), Kept::default());
        let after_two = std::sync::atomic::AtomicUsize::new(0);
        world.proxy.script(move |seen| {
            let number = is_part(seen).then(|| after_two.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
            number.filter(|number| *number >= 2).map(|_| Fault::Reset)
        });
        let cut = send(&world, &bytes, &journal).await;
        assert!(matches!(cut, Err(RemoteError::Unavailable(_))), "{cut:?}");
        world.proxy.script(|_| None);
        world.proxy.take_seen();

        let made = send(&world, &bytes, &journal).await.expect("upload");

        assert_eq!(made.size_bytes, Some(bytes.len() as u64));
        assert_eq!(
            world
                .proxy
                .take_seen()
                .iter()
                .filter(|seen| is_part(seen))
                .count(),
            2
        );
        assert!(world.tree().await["big.bin"].as_ref() == Some(&bytes));
        assert_eq!(journal.session(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_last_answer_was_lost_is_done() {
    for service in each().await {
        for journal in [&NoJournal as &dyn UploadJournal, &Kept::default()] {
            let world = BucketWorld::on(&service).await;
            let bytes = sample(6 * 1024 * 1024);
            world.proxy.faults(is_end, vec![Fault::ResetAfter]);

            let made = send(&world, &bytes, journal).await.expect("upload");

            assert_eq!(made.size_bytes, Some(bytes.len() as u64));
            assert!(world.tree().await["big.bin"].as_ref() == Some(&bytes));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_found_to_be_done_after_a_restart() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        let (bytes, journal) = (sample(6 * 1024 * 1024), Kept::default());
        // As if the process had died between the last answer and the note that it came.
        world
            .proxy
            .script(|seen| is_end(seen).then_some(Fault::ResetAfter));
        let lost = send(&world, &bytes, &journal).await;
        world.proxy.script(|_| None);
        let session = journal.session();
        if lost.is_err() {
            assert!(session.is_some());
        }

        let again = match session {
            Some(session) => send(&world, &bytes, &Kept::with(&session)).await,
            None => lost,
        };

        assert_eq!(again.expect("done").size_bytes, Some(bytes.len() as u64));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_change_on_the_way_are_not_taken() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.proxy.script(|seen| {
            let is_put = seen.method == "PUT" && seen.body_bytes == 3000;
            is_put.then_some(Fault::CorruptRequest(1000))
        });

        let refused = send(&world, &sample(3000), &NoJournal).await;

        assert!(refused.is_err(), "{refused:?}");
        assert!(world.tree().await.is_empty(), "nothing of it is left");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_moved_half_way_is_moved_the_other_half() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        for number in 0..6 {
            world.write(&format!("one/in {number}/a.txt"), &[number]).await;
        }
        world.proxy.script(|seen| {
            let is_fourth = seen.method == "DELETE" && seen.target.contains("in%203");
            is_fourth.then(|| Fault::Answer(500, Vec::new(), code("InternalError")))
        });
        let cut = rename(&world, "/one/", "two").await;
        assert!(matches!(cut, Err(RemoteError::Unavailable(_))), "{cut:?}");
        world.proxy.script(|_| None);
        assert!(world.tree().await.contains_key("one/in 3/a.txt"), "it was cut");

        let moved = rename(&world, "/one/", "two").await.expect("the rest");

        assert_eq!(moved.id, ItemId("/two/".to_owned()));
        let tree = world.tree().await;
        for number in 0..6 {
            assert_eq!(tree[&format!("two/in {number}/a.txt")], Some(vec![number]));
        }
        assert!(
            !tree.keys().any(|path| path.starts_with("one")),
            "{:?}",
            tree.keys()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_copied_and_not_removed_is_moved() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.write("one.txt", b"content").await;
        let is_removal = |seen: &Seen| seen.method == "DELETE";
        let busy = || Fault::Answer(500, Vec::new(), code("InternalError"));
        world.proxy.script(move |seen| is_removal(seen).then(busy));
        let cut = rename(&world, "/one.txt", "two.txt").await;
        assert!(matches!(cut, Err(RemoteError::Unavailable(_))), "{cut:?}");
        world.proxy.script(|_| None);
        assert_eq!(world.tree().await.len(), 2);

        rename(&world, "/one.txt", "two.txt").await.expect("the rest");

        let tree = world.tree().await;
        assert_eq!(tree.keys().collect::<Vec<_>>(), ["two.txt"]);
        assert_eq!(tree["two.txt"], Some(b"content".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_it_is_moved_is_kept() {
    let service = Service::azure().await;
    let world = BucketWorld::on(&service).await;
    world.write("one.txt", b"before").await;
    // Somebody writes between the copy and the removal.
    let (sender, mut copied) = tokio::sync::mpsc::unbounded_channel();
    world.proxy.script(move |seen| {
        if seen.method == "DELETE" {
            sender.send(()).ok();
            return Some(Fault::Answer(503, Vec::new(), code("ServerBusy")));
        }
        None
    });
    let writing = async {
        copied.recv().await.expect("a removal");
        world.write("one.txt", b"theirs").await;
        world.proxy.script(|_| None);
    };

    let (moved, ()) = tokio::join!(rename(&world, "/one.txt", "two.txt"), writing);

    // Which of the tries came after the write decides.
    let tree = world.tree().await;
    match moved {
        Err(RemoteError::Changed | RemoteError::Unavailable(_)) => {
            assert_eq!(tree["one.txt"], Some(b"theirs".to_vec()));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_thrown_away_is_in_the_trash_as_it_was() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.write("folder/in/a.txt", b"content").await;
        world
            .bucket
            .trash(&ItemId("/folder/".to_owned()), None)
            .await
            .expect("trash");

        assert!(world.tree().await.is_empty());
        let keys = world.hand.keys().await;
        let kept = keys
            .iter()
            .find(|key| key.contains("/.cumuli-trash/") && key.ends_with("/folder/in/a.txt"));
        assert_eq!(world.hand.get(kept.expect("it is there")).await, b"content");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_lost_its_last_file_is_still_a_folder() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.write("one/a.txt", b"a").await;
        world.write("two/b.txt", b"b").await;

        world
            .bucket
            .trash(&ItemId("/one/a.txt".to_owned()), None)
            .await
            .expect("trash");
        let to = Relocate {
            parent: Some(&root()),
            name: None,
            expected: None,
        };
        world
            .bucket
            .relocate(&ItemId("/two/b.txt".to_owned()), to)
            .await
            .expect("move");

        let names = world
            .bucket
            .children(&root(), None)
            .await
            .expect("children")
            .items;
        let names: Vec<&str> = names.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["one", "two", "b.txt"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_of_more_than_a_page_names_each_key_once() {
    let service = Service::s3().await;
    let world = BucketWorld::on(&service).await;
    let names: Vec<String> = (0..1203)
        .map(|number| format!("f{}/{number}.txt", number % 7))
        .collect();
    for some in names.chunks(64) {
        futures_util::future::join_all(some.iter().map(|name| world.write(name, b"x"))).await;
    }
    let (mut cursor, mut told, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.bucket.changes(cursor.as_ref()).await.expect("changes");
        told.extend(page.entries.into_iter().filter_map(|entry| match entry {
            crate::Entry::Is(item) => Some(item.id.0),
            crate::Entry::Gone(_) => None,
        }));
        pages += 1;
        if page.next.is_settled() {
            break;
        }
        cursor = Some(page.next.cursor().clone());
    }

    assert_eq!(pages, 2);
    assert_eq!(told.len(), 1203 + 7);
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 1203 + 7, "none twice");
}

/// No drive has that, and a bucket may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_beside_a_folder_of_its_name_is_another_item() {
    for service in each().await {
        let world = BucketWorld::on(&service).await;
        world.write("a", b"a file").await;
        world.write("a/b", b"in the folder").await;

        let items = world
            .bucket
            .children(&root(), None)
            .await
            .expect("children")
            .items;
        let mut ids: Vec<&str> = items.iter().map(|item| item.id.0.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["/a", "/a/"]);
        assert!(items.iter().all(|item| item.name == "a"));

        world
            .bucket
            .trash(&ItemId("/a".to_owned()), None)
            .await
            .expect("trash");

        let tree = world.tree().await;
        assert_eq!(tree.get("a/b"), Some(&Some(b"in the folder".to_vec())));
        assert!(!tree.contains_key("a"));
    }
}
