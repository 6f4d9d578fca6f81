//! Races for one place in the tree: folders, names, moves, the trash.

use serde_json::json;

use super::*;

#[tokio::test]
async fn one_of_many_makes_the_folder() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let body = json!({"name": format!("folder {round}")});

            let replies = at_once((0..RACERS).map(|_| alice.post("/api/v1/folders", &body))).await;

            assert_one_won(&replies, (201, 409));
        }
        assert_eq!(children(alice, "root").await.len() as u64, ROUNDS);
    })
    .await;
}

#[tokio::test]
async fn many_that_make_one_path_share_its_folders() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let body = json!({"path": format!("{round}/a/b/c")});
            let store = async |n: usize| {
                let path = format!("/api/v1/paths/{round}/a/b/c/{n}.txt");
                put(alice, &path, content(round, n), None).await
            };

            let (folders, files) = tokio::join!(
                at_once((0..RACERS).map(|_| alice.post("/api/v1/folders", &body))),
                at_once((0..RACERS).map(store)),
            );

            assert_eq!(statuses(&folders), BTreeMap::from([(201, RACERS)]));
            assert_eq!(statuses(&files), BTreeMap::from([(201, RACERS)]));
            let folder = id(&folders[0]);
            assert!(folders.iter().all(|reply| id(reply) == folder));
            let found = children(alice, &folder).await;
            assert_eq!(found.len(), RACERS);
            for (n, reply) in files.iter().enumerate() {
                assert_eq!(found[&format!("{n}.txt")]["id"], id(reply));
                assert_eq!(bytes(alice, &id(reply)).await, content(round, n).bytes());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_of_many_gets_the_name_that_all_want() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let mut files = Vec::new();
            for n in 0..RACERS {
                files.push(make_file(alice, &folder, &n.to_string(), content(round, n)).await);
            }
            let rename = async |file: &String| {
                let path = format!("/api/v1/nodes/{file}");
                alice.patch(&path, &json!({"name": "the name"})).await
            };

            let replies = at_once(files.iter().map(rename)).await;

            let winner = assert_one_won(&replies, (200, 409));
            let found = children(alice, &folder).await;
            assert_eq!(found.len(), RACERS);
            assert_eq!(found["the name"]["id"], files[winner]);
        }
    })
    .await;
}

#[tokio::test]
async fn two_folders_do_not_end_up_within_each_other() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let a = make_folder(alice, &folder, "a").await;
            let b = make_folder(alice, &folder, "b").await;
            let (a_path, b_path) = (format!("/api/v1/nodes/{a}"), format!("/api/v1/nodes/{b}"));
            let (in_a, in_b) = (json!({"parent_id": a}), json!({"parent_id": b}));

            let (a_to_b, b_to_a) = tokio::join!(alice.patch(&a_path, &in_b), alice.patch(&b_path, &in_a));

            let winner = assert_one_won(&[a_to_b, b_to_a], (200, 409));
            let [outer, inner] = if winner == 0 { [&b, &a] } else { [&a, &b] };
            let top = children(alice, &folder).await;
            assert_eq!(top.len(), 1, "{top:?}");
            let below = children(alice, outer).await;
            assert!(below.values().any(|node| node["id"] == **inner), "{below:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_stored_in_a_folder_goes_with_it() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let node = format!("/api/v1/nodes/{folder}");
            let store = async |n: usize| {
                let path = format!("/api/v1/folders/{folder}/files/{n}");
                put(alice, &path, content(round, n), None).await
            };

            let (before, deleted, after) = tokio::join!(
                at_once((0..RACERS / 2).map(store)),
                alice.delete(&node),
                at_once((RACERS / 2..RACERS).map(store)),
            );

            deleted.expect(204);
            let replies: Vec<Reply> = before.into_iter().chain(after).collect();
            let back = format!("/api/v1/trash/{folder}/restore");
            alice.post(&back, &json!({})).await.expect(200);
            let found = children(alice, &folder).await;
            for (n, reply) in replies.iter().enumerate() {
                assert!(
                    matches!(reply.status, 201 | 404),
                    "{}: {}",
                    reply.status,
                    reply.text()
                );
                assert_eq!(found.contains_key(&n.to_string()), reply.status == 201);
                if reply.status == 201 {
                    assert_eq!(bytes(alice, &id(reply)).await, content(round, n).bytes());
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_deleted_by_many_is_deleted_once() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let file = make_file(alice, "root", &round.to_string(), content(round, 0)).await;
            let path = format!("/api/v1/nodes/{file}");

            let replies = at_once((0..RACERS).map(|_| alice.delete(&path))).await;

            assert_one_won(&replies, (204, 404));
        }
        assert_eq!(trash(alice).await.len() as u64, ROUNDS);
    })
    .await;
}

#[tokio::test]
async fn a_rename_beside_a_delete_is_told_as_it_went() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS * 4 {
            let file = make_file(alice, "root", &format!("{round} before"), content(round, 0)).await;
            let path = format!("/api/v1/nodes/{file}");
            let body = json!({"name": format!("{round} after")});

            let (renamed, deleted) = tokio::join!(alice.patch(&path, &body), alice.delete(&path));

            deleted.expect(204);
            assert!(matches!(renamed.status, 200 | 404), "{}", renamed.text());
            let is_renamed = trash(alice).await.contains_key(&format!("{round} after"));
            assert_eq!(renamed.status == 200, is_renamed, "{}", renamed.text());
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_purged_and_restored_at_once_is_either() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let file = make_file(alice, &folder, "file", content(round, 0)).await;
            alice.delete(&format!("/api/v1/nodes/{folder}")).await.expect(204);
            let path = format!("/api/v1/trash/{folder}");
            let restore = format!("{path}/restore");
            let nothing = json!({});

            let (purged, restored) = tokio::join!(alice.delete(&path), alice.post(&restore, &nothing));

            match (purged.status, restored.status) {
                (204, 404) => {
                    let gone = alice.get(&format!("/api/v1/files/{file}/content")).await;
                    gone.expect(404);
                }
                (404, 200) => assert_eq!(bytes(alice, &file).await, content(round, 0).bytes()),
                both => panic!("{both:?}"),
            }
            assert_eq!(trash(alice).await.len(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn what_comes_back_at_once_to_one_name_is_all_there() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let mut files = Vec::new();
            for n in 0..RACERS {
                let file = make_file(alice, &folder, "one name", content(round, n)).await;
                alice.delete(&format!("/api/v1/nodes/{file}")).await.expect(204);
                files.push(file);
            }
            let restore = async |file: &String| {
                let path = format!("/api/v1/trash/{file}/restore");
                alice.post(&path, &json!({})).await
            };

            let replies = at_once(files.iter().map(restore)).await;

            assert_eq!(statuses(&replies), BTreeMap::from([(200, RACERS)]));
            assert_eq!(children(alice, &folder).await.len(), RACERS);
            for (n, file) in files.iter().enumerate() {
                assert_eq!(bytes(alice, file).await, content(round, n).bytes());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_leaves_the_trash_while_it_is_emptied_stays_whole() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let mut files = Vec::new();
            for n in 0..RACERS {
                let file = make_file(alice, "root", &format!("{round} {n}"), content(round, n)).await;
                alice.delete(&format!("/api/v1/nodes/{file}")).await.expect(204);
                files.push(file);
            }
            let restore = async |file: &String| {
                let path = format!("/api/v1/trash/{file}/restore");
                alice.post(&path, &json!({})).await
            };

            let (before, emptied, after) = tokio::join!(
                at_once(files[..RACERS / 2].iter().map(restore)),
                alice.delete("/api/v1/trash"),
                at_once(files[RACERS / 2..].iter().map(restore)),
            );

            emptied.expect(204);
            for (n, (file, restored)) in files.iter().zip(before.into_iter().chain(after)).enumerate() {
                let found = alice.get(&format!("/api/v1/files/{file}/content")).await;
                let expected = if restored.status == 200 { 200 } else { 404 };
                assert_eq!(found.status, expected, "{}", restored.text());
                if found.status == 200 {
                    assert_eq!(found.body, content(round, n).bytes());
                }
            }
            assert_eq!(trash(alice).await.len(), 0);
        }
    })
    .await;
}
