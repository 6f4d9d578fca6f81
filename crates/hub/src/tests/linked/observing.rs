//! Looking at what is in a connection, and what changed.

use super::super::harness::on_each_engine_with;
use super::{Clouds, link, look, names};

#[tokio::test]
async fn what_changes_there_is_seen_by_one_call() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let folder = account.create_folder(&root, "Papers");
        let stays = account.create_file(&root, "stays", "1");
        let goes = account.create_file(&root, "goes", "2");
        let moves = account.create_file(&root, "moves", "3");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        assert_eq!(
            names(&t, &ada, id, None).await,
            ["Papers", "goes", "moves", "stays"]
        );

        account.rename(&stays, "stayed");
        account.trash(&goes);
        account.move_to(&moves, &folder);
        let before = clouds.google.requests().len();
        t.pass_secs(61);
        look(&t).await;
        assert_eq!(clouds.google.requests().len() - before, 1);
        assert_eq!(names(&t, &ada, id, None).await, ["Papers", "stayed"]);
        assert_eq!(names(&t, &ada, id, Some(&folder)).await, ["moves"]);

        account.delete(&goes);
        account.delete(&folder);
        account.delete(&stays);
        t.pass_secs(61);
        look(&t).await;
        assert_eq!(names(&t, &ada, id, None).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_lost_cursor_lists_everything_again_and_drops_only_what_is_gone() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let files: Vec<String> = (0..30)
            .map(|i| account.create_file(&root, &format!("{i:02}"), "x"))
            .collect();
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        assert_eq!(names(&t, &ada, id, None).await.len(), 30);

        account.delete(&files[3]);
        clouds.google.switches().set(|is| {
            is.change_tokens_refused = 400;
            is.page_size_limit = 7;
        });
        t.pass_secs(61);
        look(&t).await;
        // It cannot go on from where it was, nor replay what came while it listed: nothing is dropped.
        assert!(names(&t, &ada, id, None).await.len() >= 29);
        clouds.google.switches().set(|is| is.change_tokens_refused = 0);
        t.pass_secs(3700);
        look(&t).await;
        let found = names(&t, &ada, id, None).await;
        assert_eq!(found.len(), 29, "{found:?}");
        assert!(!found.contains(&"03".to_owned()));
        clouds.google.switches().set(|is| is.page_size_limit = 0);
        for file in &files {
            if account.entry(file).is_some() {
                account.delete(file);
            }
        }
    })
    .await;
}
