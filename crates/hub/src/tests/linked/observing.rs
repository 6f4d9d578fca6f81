//! Looking at what is in a connection, and what changed.

use fake_clouds::{Act, Fault};
use model::JobKind;

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

#[tokio::test]
async fn a_look_that_is_asked_for_while_one_is_under_way_is_taken_after_it() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let early = account.create_file(&account.root(), "early", "1");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        clouds
            .google
            .faults()
            .push(Fault::on("GET", "/drive/v3/files", Act::Hold(id.to_string())));
        let meanwhile = async {
            clouds.google.faults().reached(&id.to_string()).await;
            t.pass_secs(1);
            t.refresh_connection(&ada, id).await.unwrap();
            clouds.google.faults().release(&id.to_string());
        };
        // The second is due at once.
        let (looks, ()) = tokio::join!(t.do_jobs(), meanwhile);
        let looks = looks.iter().filter(|(kind, _)| *kind == JobKind::Observe).count();
        assert_eq!(looks, 2);
        assert_eq!(names(&t, &ada, id, None).await, ["early"]);
        account.delete(&early);
    })
    .await;
}

#[tokio::test]
async fn what_is_known_of_a_connection_that_is_gone_is_swept() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "a", "1");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        // As a server leaves it that was killed while it forgot.
        let mut tx = t.catalog.write().await.unwrap();
        assert!(tx.remove_connection(id).await.unwrap());
        tx.commit().await.unwrap();
        let known = async || t.catalog.read().await.unwrap().count_items(id).await.unwrap();
        assert!(known().await > 0);
        t.pass_secs(2 * 3600);
        t.upkeep().await;
        assert_eq!(known().await, 0);
        account.delete(&file);
    })
    .await;
}

#[tokio::test]
async fn a_folder_of_the_server_is_seen_and_what_comes_into_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let roots = vec![folder.path().canonicalize().unwrap()];
    let set = move |config: &mut crate::Config| config.directory_roots = roots.clone();
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let place = folder.path().join(format!("{}", t.time().0));
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("a.txt"), "1").unwrap();
        let new = crate::NewConnection {
            endpoint: crate::Endpoint::Directory {
                path: place.to_str().unwrap().to_owned(),
                is_read_only: false,
            },
            credentials: crate::Credentials::None,
            label: String::new(),
            is_servers: false,
        };
        let bob = t.user("bob").await;
        let refused = t.connect(&bob, new.clone()).await;
        assert!(matches!(refused, Err(crate::HubError::Forbidden(_))));
        let id = t.connect(&ada, new).await.unwrap().connection.id;
        look(&t).await;
        assert_eq!(names(&t, &ada, id, None).await, ["a.txt"]);
        assert_eq!(t.watchable_connections().await.unwrap(), [id]);

        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
        let writes = async {
            loop {
                ticks.tick().await;
                std::fs::write(place.join("b.txt"), "2").unwrap();
            }
        };
        tokio::select! {
            told = t.watch_connection(id) => told.unwrap(),
            () = writes => unreachable!("it goes on until the change is told"),
        }
        look(&t).await;
        assert_eq!(names(&t, &ada, id, None).await, ["a.txt", "b.txt"]);
    })
    .await;
}
