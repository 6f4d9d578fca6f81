//! Races for one file: its name, its content, its versions, the room for it.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

#[tokio::test]
async fn one_of_many_that_may_not_replace_gets_the_name() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let path = format!("/api/v1/folders/root/files/{round}?on_conflict=fail");

            let replies = at_once((0..RACERS).map(|n| put(alice, &path, content(round, n), None))).await;

            let winner = assert_one_won(&replies, (201, 409));
            let file = id(&replies[winner]);
            assert_eq!(bytes(alice, &file).await, content(round, winner).bytes());
        }
        assert_eq!(children(alice, "root").await.len() as u64, ROUNDS);
    })
    .await;
}

#[tokio::test]
async fn one_of_many_that_want_a_new_name_gets_it() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let path = format!("/api/v1/folders/root/files/{round}");
            let absent = Some(("if-none-match", "*"));

            let replies = at_once((0..RACERS).map(|n| put(alice, &path, content(round, n), absent))).await;

            let winner = assert_one_won(&replies, (201, 412));
            let file = id(&replies[winner]);
            assert_eq!(bytes(alice, &file).await, content(round, winner).bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn many_that_overwrite_at_once_each_make_a_version() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let path = format!("/api/v1/folders/root/files/{round}");

            let replies = at_once((0..RACERS).map(|n| put(alice, &path, content(round, n), None))).await;

            assert_eq!(
                statuses(&replies),
                BTreeMap::from([(200, RACERS - 1), (201, 1)]),
                "round {round}"
            );
            let file = id(&replies[0]);
            for (n, reply) in replies.iter().enumerate() {
                let number = &reply.json()["version"];
                let stored = alice
                    .get(&format!("/api/v1/files/{file}/versions/{number}/content"))
                    .await;
                assert_eq!(stored.expect(200).body, content(round, n).bytes());
            }
            let versions = alice.get(&format!("/api/v1/files/{file}/versions")).await;
            let versions = versions.expect(200).json()["versions"].take();
            let numbers = versions.as_array().unwrap().iter();
            let numbers: Vec<u64> = numbers.map(|row| row["number"].as_u64().unwrap()).collect();
            assert_eq!(numbers, (1..=RACERS as u64).rev().collect::<Vec<_>>());
        }
    })
    .await;
}

#[tokio::test]
async fn many_that_keep_both_get_names_of_their_own() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let path = format!("/api/v1/folders/{folder}/files/a.txt?on_conflict=keep_both");

            let replies = at_once((0..RACERS).map(|n| put(alice, &path, content(round, n), None))).await;

            assert_eq!(statuses(&replies), BTreeMap::from([(201, RACERS)]));
            assert_eq!(children(alice, &folder).await.len(), RACERS);
            for (n, reply) in replies.iter().enumerate() {
                assert_eq!(bytes(alice, &id(reply)).await, content(round, n).bytes());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn one_of_many_that_saw_the_same_content_replaces_it() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let file = make_file(alice, "root", &round.to_string(), content(round, RACERS)).await;
            let path = format!("/api/v1/files/{file}/content");
            let seen = alice.get(&path).await.expect(200).header("etag").to_owned();
            let unchanged = Some(("if-match", seen.as_str()));

            let replies = at_once((0..RACERS).map(|n| put(alice, &path, content(round, n), unchanged))).await;

            let winner = assert_one_won(&replies, (200, 412));
            assert_eq!(bytes(alice, &file).await, content(round, winner).bytes());
            assert_eq!(replies[winner].json()["version"], 2);
        }
    })
    .await;
}

#[tokio::test]
async fn a_quota_holds_whoever_comes_at_once() {
    const QUOTA: usize = 200_000;
    on_each_engine(async |server, alice| {
        let set = server
            .run(&["user", "quota", "alice@example.org", "200000"], "")
            .await;
        assert!(set.is_success(), "{set:?}");
        for (round, size) in [(0, 60_000), (1, 9_000)] {
            let folder = make_folder(alice, "root", &round.to_string()).await;
            let count = QUOTA / size + 10;
            let content = |n: usize| Content {
                seed: round * 1000 + n as u64,
                len: size,
            };
            let upload = async |n: usize| {
                let path = format!("/api/v1/folders/{folder}/files/{n}");
                put(alice, &path, content(n), None).await
            };

            let replies = at_once((0..count).map(upload)).await;

            let fit = QUOTA / size;
            assert_eq!(
                statuses(&replies),
                BTreeMap::from([(201, fit), (507, count - fit)]),
                "{size}"
            );
            assert_eq!(used(alice).await, fit * size);
            for (n, reply) in replies
                .iter()
                .enumerate()
                .filter(|(_, reply)| reply.status == 201)
            {
                assert_eq!(bytes(alice, &id(reply)).await, content(n).bytes());
            }
            alice.delete(&format!("/api/v1/nodes/{folder}")).await.expect(204);
            assert_eq!(used(alice).await, fit * size, "what is in the trash counts");
            alice.delete("/api/v1/trash").await.expect(204);
            crate::harness::until(async || used(alice).await == 0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_quota_holds_for_copies_too() {
    on_each_engine(async |server, alice| {
        let set = server
            .run(&["user", "quota", "alice@example.org", "1MB"], "")
            .await;
        assert!(set.is_success(), "{set:?}");
        let content = Content {
            seed: 1,
            len: 300_000,
        };
        let file = make_file(alice, "root", "one", content).await;
        let path = format!("/api/v1/nodes/{file}/copy");

        let replies = at_once((0..RACERS).map(async |n| {
            let body = json!({"name": n.to_string()});
            alice.post(&path, &body).await
        }))
        .await;

        assert_eq!(statuses(&replies), BTreeMap::from([(201, 2), (507, RACERS - 2)]));
        assert_eq!(used(alice).await, 900_000);
    })
    .await;
}

async fn used(client: &Client) -> usize {
    let me = client.get("/api/v1/me").await.expect(200).json();
    usize::try_from(me["used_bytes"].as_u64().unwrap()).unwrap()
}

#[tokio::test]
async fn an_old_version_is_restored_or_removed_or_both_in_turn() {
    on_each_engine(async |_, alice| {
        for round in 0..ROUNDS {
            let file = make_file(alice, "root", &round.to_string(), content(round, 0)).await;
            let path = format!("/api/v1/files/{file}/content");
            alice.put(&path, content(round, 1).bytes()).await.expect(200);
            let old = format!("/api/v1/files/{file}/versions/1");

            let (restored, nothing) = (format!("{old}/restore"), json!({}));
            let (restored, removed) = tokio::join!(alice.post(&restored, &nothing), alice.delete(&old));

            assert_eq!(removed.status, 204);
            let current = match restored.status {
                200 => 0,
                404 => 1,
                status => panic!("{status}: {}", restored.text()),
            };
            assert_eq!(bytes(alice, &file).await, content(round, current).bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_that_one_gives_up_while_another_stores_them_stay() {
    on_each_engine(async |server, alice| {
        let bob = server.user("bob@example.org").await;
        for round in 0..ROUNDS {
            let content = content(round, 0);
            let file = make_file(alice, "root", &round.to_string(), content).await;
            alice.delete(&format!("/api/v1/nodes/{file}")).await.expect(204);
            let purged = format!("/api/v1/trash/{file}");
            let stored = format!("/api/v1/folders/root/files/{round}");

            let (purged, stored) = tokio::join!(alice.delete(&purged), put(&bob, &stored, content, None));

            assert_eq!((purged.status, stored.status), (204, 201));
            assert_eq!(bytes(&bob, &id(&stored)).await, content.bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn the_same_bytes_from_many_at_once_are_stored_once() {
    on_each_engine(async |server, alice| {
        let bob = server.user("bob@example.org").await;
        for round in 0..ROUNDS {
            let content = content(round, 0);
            let store = async |n: usize| {
                let client = if n.is_multiple_of(2) { alice } else { &bob };
                let path = format!("/api/v1/folders/root/files/{round}-{n}");
                put(client, &path, content, None).await
            };

            let replies = at_once((0..RACERS).map(store)).await;

            assert_eq!(statuses(&replies), BTreeMap::from([(201, RACERS)]));
            for (n, reply) in replies.iter().enumerate() {
                let client = if n.is_multiple_of(2) { alice } else { &bob };
                assert_eq!(bytes(client, &id(reply)).await, content.bytes());
            }
        }
        let told = server.run(&["fsck"], "").await.out;
        let contents = told.split(", ").find_map(|part| part.strip_suffix(" contents"));
        assert_eq!(contents, Some(ROUNDS.to_string().as_str()), "{told}");
    })
    .await;
}

#[tokio::test]
async fn no_number_of_the_journal_is_left_out_or_used_twice() {
    on_each_engine(async |_, alice| {
        let store = async |n: usize| {
            let path = format!("/api/v1/folders/root/files/{n}");
            put(alice, &path, content(n as u64, n), None).await
        };
        let replies = at_once((0..RACERS * 8).map(store)).await;
        assert_eq!(statuses(&replies), BTreeMap::from([(201, RACERS * 8)]));

        let page = alice.get("/api/v1/changes?limit=1000").await.expect(200).json();

        let changes = page["changes"].as_array().unwrap();
        let numbers: Vec<u64> = changes
            .iter()
            .map(|change| change["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(numbers, (1..=changes.len() as u64).collect::<Vec<_>>());
        let told: BTreeSet<&str> = changes
            .iter()
            .map(|change| change["node_id"].as_str().unwrap())
            .collect();
        let made: Vec<String> = replies.iter().map(id).collect();
        assert!(made.iter().all(|id| told.contains(id.as_str())));
    })
    .await;
}
