//! Quotas: what a space may hold, at, under and over it.

use model::{Actor, OnConflict};

use super::harness::{
    ROOT, TestHub, body, from, into, named, on_each_engine, on_each_engine_with, part, refused, upload,
};
use crate::{Config, Copy, Expected, HubError, UploadPlace, UserChange};

const QUOTA: u64 = 1000;

fn limited(config: &mut Config) {
    config.quota_bytes = Some(QUOTA);
    config.inline_bytes = 100;
}

async fn put_sized(t: &TestHub, who: &Actor, name: &str, size: usize) -> Result<(), HubError> {
    let letter = name.as_bytes()[0];
    t.store(who, into(ROOT, name), vec![letter; size]).await.map(drop)
}

#[tokio::test]
async fn a_space_fills_up_to_its_quota_and_no_further() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        put_sized(&t, &alice, "a", 999).await.unwrap();

        refused!(
            put_sized(&t, &alice, "b", 2).await,
            HubError::QuotaExceeded { free_bytes: 1 }
        );
        refused!(
            put_sized(&t, &alice, "b", 500).await,
            HubError::QuotaExceeded { free_bytes: 1 }
        );
        put_sized(&t, &alice, "b", 1).await.unwrap();
        refused!(
            put_sized(&t, &alice, "c", 1).await,
            HubError::QuotaExceeded { free_bytes: 0 }
        );
        put_sized(&t, &alice, "nothing", 0).await.unwrap();
        assert_eq!(t.used_bytes(&alice).await, QUOTA);
        assert_eq!(t.me(&alice).await.unwrap().quota_bytes, Some(QUOTA));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn an_announced_size_beyond_the_quota_is_refused_before_the_body() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        let expected = Expected {
            size_bytes: Some(QUOTA + 1),
            ..Expected::default()
        };
        let unread = futures_util::stream::poll_fn(|_| panic!("the body was read"));

        let outcome = t
            .upload(&alice, into(ROOT, "a"), expected, Box::pin(unread))
            .await;

        refused!(outcome, HubError::QuotaExceeded { free_bytes: QUOTA });
    })
    .await;
}

#[tokio::test]
async fn versions_and_the_trash_count_and_equal_bytes_count_each_time() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        put_sized(&t, &alice, "a", 300).await.unwrap();
        put_sized(&t, &alice, "a", 300).await.unwrap();
        let file = t.put(&alice, ROOT, "a2", vec![b'a'; 300]).await;
        assert_eq!(t.used_bytes(&alice).await, 900);

        t.delete(&alice, file.id, model::Guard::None).await.unwrap();
        assert_eq!(t.used_bytes(&alice).await, 900);
        refused!(
            put_sized(&t, &alice, "b", 101).await,
            HubError::QuotaExceeded { free_bytes: 100 }
        );
        t.purge(&alice, file.id).await.unwrap();
        put_sized(&t, &alice, "b", 400).await.unwrap();
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn copies_and_restored_versions_need_room() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        let file = t.put(&alice, &folder, "a", vec![b'a'; 250]).await;
        t.put(&alice, &folder, "a", vec![b'b'; 251]).await;
        let copy = |node| Copy {
            node,
            folder: None,
            name: None,
            on_conflict: OnConflict::KeepBoth,
        };

        t.copy(&alice, copy(folder.id)).await.unwrap();
        assert_eq!(t.used_bytes(&alice).await, 752);
        refused!(
            t.copy(&alice, copy(folder.id)).await,
            HubError::QuotaExceeded { free_bytes: 248 }
        );
        refused!(
            t.copy(&alice, copy(file.id)).await,
            HubError::QuotaExceeded { free_bytes: 248 }
        );
        refused!(
            t.restore_version(&alice, file.id, 1).await,
            HubError::QuotaExceeded { free_bytes: 248 }
        );
        t.do_jobs().await;
        assert_eq!(
            t.used_bytes(&alice).await,
            752,
            "what was built of the copy is freed"
        );
        assert_eq!(t.names(&alice, ROOT).await, ["folder/", "folder (2)/"]);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn parallel_uploads_never_exceed_the_quota() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        let names: Vec<String> = (0..20).map(|n| format!("{}", char::from(b'a' + n))).collect();
        let uploads = names.iter().map(|name| put_sized(&t, &alice, name, 150));
        let outcomes = futures_util::future::join_all(uploads).await;

        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 6);
        let others = outcomes.into_iter().filter(Result::is_err);
        others.for_each(|outcome| {
            refused!(
                outcome,
                HubError::QuotaExceeded {
                    free_bytes: 100 | 850..
                }
            )
        });
        assert_eq!(t.used_bytes(&alice).await, 900);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_user_s_own_quota_wins_over_the_default_and_a_lowered_one_removes_nothing() {
    on_each_engine_with(limited, async |t| {
        let admin = t.user("admin").await;
        let sign_in = t
            .register(super::harness::registration("bob"), &from("192.0.2.1"))
            .await
            .unwrap();
        let bob = t.actor(&sign_in).await;
        let quota = async |quota_bytes: Option<u64>| {
            let change = UserChange {
                quota_bytes: Some(quota_bytes),
                ..UserChange::default()
            };
            t.change_user(&admin, sign_in.user.id, change).await.unwrap();
        };

        quota(Some(2000)).await;
        put_sized(&t, &bob, "a", 2000).await.unwrap();
        quota(Some(100)).await;
        refused!(
            put_sized(&t, &bob, "b", 1).await,
            HubError::QuotaExceeded { free_bytes: 0 }
        );
        assert_eq!(t.names(&bob, ROOT).await, ["a"]);
        quota(Some(0)).await;
        refused!(
            put_sized(&t, &bob, "b", 1).await,
            HubError::QuotaExceeded { free_bytes: 0 }
        );
        quota(None).await;
        assert_eq!(t.me(&bob).await.unwrap().quota_bytes, Some(QUOTA));
        let rows = t.users(&admin, "", 10).await.unwrap();
        assert_eq!(
            rows.iter().map(|row| row.used_bytes).collect::<Vec<_>>(),
            [0, 2000]
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_quota_nothing_counts() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        assert_eq!(t.me(&alice).await.unwrap().quota_bytes, None);
        put_sized(&t, &alice, "a", 1_000_000).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_refused_upload_leaves_neither_rows_nor_bytes_nor_folders() {
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        put_sized(&t, &alice, "a", 900).await.unwrap();
        let stored = t.stored().len();
        let place = UploadPlace::Path("new/folders/file".parse().unwrap());
        let head = t.changes(&alice, None, 100).await.unwrap().changes.len();
        let limit_bytes = 10_000;
        // The room is gone by the time that the body has come.
        let staged = t
            .stage(limit_bytes, Expected::default(), body(&[b'x'; 500]))
            .await
            .unwrap();

        let outcome = t.finish_upload(&alice, upload(place), staged).await;

        refused!(outcome, HubError::QuotaExceeded { free_bytes: 100 });
        assert_eq!(t.names(&alice, ROOT).await, ["a"]);
        assert_eq!(t.stored().len(), stored);
        assert_eq!(t.changes(&alice, None, 100).await.unwrap().changes.len(), head);
        assert!(t.recent(&alice, 0, part(10)).await.unwrap().items[0].node.name == named("a"));
        t.check_sound().await;
    })
    .await;
}
