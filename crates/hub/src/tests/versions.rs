//! Versions: listing, restoring, removing and limiting them.

use model::{Actor, Guard, NodeId, Origin};

use super::harness::{ROOT, TestHub, big, into, on_each_engine, on_each_engine_with, part, refused};
use crate::{Config, HubError, Part};

async fn numbers(t: &TestHub, who: &Actor, file: NodeId) -> Vec<u64> {
    let page = t.versions(who, file, part(1000)).await.unwrap();
    page.items.iter().map(|version| version.number).collect()
}

async fn put_times(t: &TestHub, who: &Actor, name: &str, times: u32) -> NodeId {
    let mut file = None;
    for n in 1..=times {
        t.tick();
        file = Some(t.put(who, ROOT, name, format!("content {n}")).await.id);
    }
    file.unwrap()
}

#[tokio::test]
async fn every_overwrite_keeps_what_was_there() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 3).await;

        assert_eq!(numbers(&t, &alice, file).await, [3, 2, 1]);
        for n in 1..=3 {
            let bytes = t.content_of(&alice, file, Some(n)).await.unwrap();
            assert_eq!(bytes, format!("content {n}").as_bytes());
        }
        refused!(
            t.content_of(&alice, file, Some(4)).await,
            HubError::NotFound("version")
        );
        refused!(
            t.content_of(&alice, file, Some(0)).await,
            HubError::NotFound("version")
        );
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        refused!(
            t.versions(&alice, folder.id, part(10)).await,
            HubError::NotFound(_)
        );
    })
    .await;
}

#[tokio::test]
async fn versions_come_in_pages() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 7).await;
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = t.versions(&alice, file, Part { limit: 3, cursor }).await.unwrap();
            found.extend(page.items.iter().map(|version| version.number));
            // One more in between does not shift what follows.
            t.put(&alice, ROOT, "file", format!("more {}", found.len())).await;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, [7, 6, 5, 4, 3, 2, 1]);
    })
    .await;
}

#[tokio::test]
async fn a_restored_version_is_a_new_one_and_takes_nothing_away() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 3).await;
        let used = t.used_bytes(&alice).await;

        let node = t.restore_version(&alice, file, 1).await.unwrap();

        let version = node.version.clone().unwrap();
        assert_eq!((version.number, version.origin), (4, Origin::Restore));
        assert_eq!(t.info(&alice, file).await.unwrap().node, node);
        assert_eq!(t.bytes_of(&alice, file).await, b"content 1");
        assert_eq!(numbers(&t, &alice, file).await, [4, 3, 2, 1]);
        assert_eq!(t.used_bytes(&alice).await, used + 9);
        assert_eq!(
            t.restore_version(&alice, file, 4).await.unwrap(),
            node,
            "it is current"
        );
        refused!(
            t.restore_version(&alice, file, 9).await,
            HubError::NotFound("version")
        );
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_removed_version_is_gone_with_its_bytes_and_numbers_are_not_used_again() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await.id;
        t.put(&alice, ROOT, "file", big(b'2')).await;
        t.put(&alice, ROOT, "file", "3").await;

        t.remove_version(&alice, file, 2).await.unwrap();

        assert_eq!(numbers(&t, &alice, file).await, [3, 1]);
        assert_eq!(t.used_bytes(&alice).await, 20 * 1024 + 1);
        refused!(
            t.remove_version(&alice, file, 2).await,
            HubError::NotFound("version")
        );
        refused!(t.remove_version(&alice, file, 3).await, HubError::Conflict(_));
        refused!(
            t.restore_version(&alice, file, 2).await,
            HubError::NotFound("version")
        );
        t.put(&alice, ROOT, "file", "4").await;
        assert_eq!(numbers(&t, &alice, file).await, [4, 3, 1]);
        t.pass_secs(25 * 60 * 60);
        t.upkeep().await;
        assert_eq!(t.stored().len(), 1);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_file_keeps_as_many_versions_as_the_limit_says() {
    let set = |config: &mut Config| config.keep_versions = 3;
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 3).await;
        assert_eq!(numbers(&t, &alice, file).await, [3, 2, 1]);

        put_times(&t, &alice, "file", 2).await;
        assert_eq!(numbers(&t, &alice, file).await, [5, 4, 3]);
        t.restore_version(&alice, file, 3).await.unwrap();
        assert_eq!(numbers(&t, &alice, file).await, [6, 5, 4]);
        assert_eq!(t.used_bytes(&alice).await, 27);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_limit_of_one_keeps_the_current_content_only_and_none_keeps_all() {
    let set = |config: &mut Config| config.keep_versions = 1;
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 3).await;
        assert_eq!(numbers(&t, &alice, file).await, [3]);

        let all = t.reopened(|config| config.keep_versions = 0).await;
        for n in 0..3 {
            let upload = into(ROOT, "file");
            let bytes = super::harness::body(format!("x{n}").as_bytes());
            all.upload(&alice, upload, crate::Expected::default(), bytes)
                .await
                .unwrap();
        }
        assert_eq!(numbers(&t, &alice, file).await, [6, 5, 4, 3]);
    })
    .await;
}

#[tokio::test]
async fn a_lowered_limit_is_applied_to_all_files_by_retention() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let one = put_times(&t, &alice, "one", 5).await;
        let two = put_times(&t, &alice, "two", 2).await;
        let trashed = put_times(&t, &alice, "three", 4).await;
        t.delete(&alice, trashed, Guard::None).await.unwrap();
        t.upkeep().await;
        assert_eq!(numbers(&t, &alice, one).await, [5, 4, 3, 2, 1]);

        let stricter = t.reopened(|config| config.keep_versions = 2).await;
        t.pass_secs(60 * 60);
        stricter.schedule_upkeep().await.unwrap();
        for lease in stricter.lease_jobs("test", 10).await.unwrap() {
            t.do_job(lease_of(&stricter, lease).await).await;
        }

        assert_eq!(numbers(&t, &alice, one).await, [5, 4]);
        assert_eq!(numbers(&t, &alice, two).await, [2, 1]);
        t.restore(&alice, trashed, (None, None)).await.unwrap();
        assert_eq!(numbers(&t, &alice, trashed).await, [4, 3]);
        assert_eq!(t.used_bytes(&alice).await, 6 * 9);
        t.check_sound().await;
    })
    .await;
}

/// Does the retention itself, for it is the stricter hub's to do.
async fn lease_of(stricter: &crate::Hub, lease: crate::Lease) -> crate::Lease {
    if lease.job.kind == model::JobKind::Retention {
        let done = stricter.retention(&lease).await.unwrap();
        assert_eq!(done.removed, 5);
        let again = stricter.retention(&lease).await.unwrap();
        assert_eq!(again.removed, 0);
    }
    lease
}

#[tokio::test]
async fn an_old_version_is_removed_when_it_was_replaced_long_ago_not_when_it_was_made_long_ago() {
    const DAY: i64 = 24 * 60 * 60;
    let set = |config: &mut Config| config.keep_versions_secs = Some(30 * 24 * 60 * 60);
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let kept = put_times(&t, &alice, "kept", 1).await;
        let file = put_times(&t, &alice, "file", 1).await;
        let lonely = put_times(&t, &alice, "lonely", 3).await;
        t.pass_secs(365 * DAY);
        t.put(&alice, ROOT, "file", "second").await;
        t.upkeep().await;
        assert_eq!(
            numbers(&t, &alice, file).await,
            [2, 1],
            "it was replaced just now"
        );
        assert_eq!(numbers(&t, &alice, lonely).await, [3]);

        t.pass_secs(29 * DAY);
        t.upkeep().await;
        assert_eq!(numbers(&t, &alice, file).await, [2, 1]);
        t.pass_secs(2 * DAY);
        t.upkeep().await;

        assert_eq!(numbers(&t, &alice, file).await, [2]);
        assert_eq!(t.bytes_of(&alice, kept).await, b"content 1");
        assert_eq!(t.used_bytes(&alice).await, 9 + 6 + 9);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_version_whose_successor_was_removed_ages_from_the_next() {
    const DAY: i64 = 24 * 60 * 60;
    let set = |config: &mut Config| config.keep_versions_secs = Some(30 * 24 * 60 * 60);
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let file = put_times(&t, &alice, "file", 2).await;
        t.pass_secs(20 * DAY);
        put_times(&t, &alice, "file", 1).await;
        t.remove_version(&alice, file, 2).await.unwrap();
        t.pass_secs(20 * DAY);
        t.upkeep().await;
        assert_eq!(numbers(&t, &alice, file).await, [3, 1]);

        t.pass_secs(11 * DAY);
        t.upkeep().await;

        assert_eq!(numbers(&t, &alice, file).await, [3]);
        t.check_sound().await;
    })
    .await;
}
