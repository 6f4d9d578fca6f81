//! Remotes of rclone that become connections.

use connectors::{OAuth, OAuthOptions, OAuthProvider};
use fake_clouds::drive::{DriveFake, DriveOptions};
use model::{Actor, ConnectionId};

use super::harness::{TestHub, on_each_engine, on_each_engine_with};
use crate::{Config, Credentials, HubError, ImportOutcome, LinkProvider, RcloneImport};

const FILE: &str = "[nas]\ntype = webdav\nurl = https://nas.example.org/dav\nuser = me\n\
    pass = F5BFH375xMWEAwBc7kBlYHXYt1lr52g\n\
    [bucket]\ntype = s3\nprovider = AWS\naccess_key_id = k\nsecret_access_key = s\n\
    [locked]\ntype = crypt\nremote = nas:\n\
    [mine]\ntype = onedrive\ntoken = {}\n";

fn unchecked() -> RcloneImport {
    RcloneImport {
        is_unchecked: true,
        ..RcloneImport::default()
    }
}

/// A word for what became of each remote.
async fn import(t: &TestHub, who: &Actor, text: &str, options: &RcloneImport) -> Vec<String> {
    let imported = t.import_rclone(who, text, options).await.unwrap();
    let word = |outcome: &ImportOutcome| match outcome {
        ImportOutcome::Made(_) => "made".to_owned(),
        ImportOutcome::WouldMake(kind) => format!("would make {kind}"),
        ImportOutcome::Already => "already".to_owned(),
        ImportOutcome::Link(_) => "link".to_owned(),
        ImportOutcome::NotTaken(_) => "not taken".to_owned(),
        ImportOutcome::Failed(_) => "failed".to_owned(),
    };
    let words = imported.iter();
    words
        .map(|remote| format!("{}: {}", remote.name, word(&remote.outcome)))
        .collect()
}

/// What opens a connection.
async fn credentials(t: &TestHub, id: ConnectionId) -> Credentials {
    let sealed = t.catalog.read().await.unwrap().credentials(id).await.unwrap();
    t.open_credentials(id, &sealed.unwrap()).unwrap().credentials
}

#[tokio::test]
async fn a_dry_run_makes_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let options = RcloneImport {
            is_dry_run: true,
            places: [("bucket".to_owned(), "b".to_owned())].into(),
            ..RcloneImport::default()
        };

        let words = import(&t, &alice, FILE, &options).await;

        assert_eq!(
            words,
            [
                "nas: would make webdav",
                "bucket: would make s3",
                "locked: not taken",
                "mine: link"
            ]
        );
        assert!(t.connections(&alice).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn keys_are_taken_once_and_sealed() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;

        let words = import(&t, &alice, FILE, &unchecked()).await;

        // Of the bucket nobody said which it is.
        assert_eq!(
            words,
            [
                "nas: made",
                "bucket: not taken",
                "locked: not taken",
                "mine: link"
            ]
        );
        let rows = t.connections(&alice).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].connection.label, "nas");
        assert_eq!(rows[0].connection.owner, alice.user());
        assert!(!rows[0].connection.settings.contains("hunter2"), "{:?}", rows[0]);
        let opened = credentials(&t, rows[0].connection.id).await;
        assert!(opened == Credentials::Secret("hunter2".to_owned()));

        assert_eq!(import(&t, &alice, FILE, &unchecked()).await[0], "nas: already");
        let only = RcloneImport {
            only: vec!["locked".to_owned()],
            ..unchecked()
        };
        assert_eq!(import(&t, &alice, FILE, &only).await, ["locked: not taken"]);
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_imported_is_refused() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let for_server = RcloneImport {
            is_servers: true,
            ..unchecked()
        };

        assert!(matches!(
            t.import_rclone(&bob, FILE, &for_server).await,
            Err(HubError::Forbidden(_))
        ));
        assert!(matches!(
            t.import_rclone(&Actor::Worker, FILE, &unchecked()).await,
            Err(HubError::Forbidden(_))
        ));
        let unknown = RcloneImport {
            only: vec!["other".to_owned()],
            ..unchecked()
        };
        for (text, options) in [("nothing", unchecked()), (FILE, unknown)] {
            let refused = t.import_rclone(&bob, text, &options).await;
            assert!(matches!(refused, Err(HubError::Invalid { .. })), "{refused:?}");
        }
        // A folder of the server is for administrators, tried out or not.
        let folder = "[disk]\ntype = alias\nremote = /srv\n";
        assert_eq!(import(&t, &bob, folder, &unchecked()).await, ["disk: failed"]);
        assert_eq!(import(&t, &alice, folder, &for_server).await, ["disk: made"]);
        assert_eq!(t.connections(&alice).await.unwrap()[0].connection.owner, None);
    })
    .await;
}

/// Leads to a fake of Google's, as an application that is not the one of rclone's file.
fn google(config: &mut Config, at: &str) {
    let options = OAuthOptions {
        provider: OAuthProvider::Google,
        client_id: "ours".to_owned(),
        client_secret: "ours too".to_owned(),
        auth_url: format!("{at}/o/oauth2/v2/auth"),
        token_url: format!("{at}/token"),
        revoke_url: None,
        scopes: Vec::new(),
        patience: None,
        pause: None,
    };
    config.link_providers = vec![LinkProvider {
        name: "google",
        title: "Google Drive",
        oauth: OAuth::new(options.clone()).unwrap(),
        options,
        redirect_uri: "http://localhost:8000/auth/google/callback".to_owned(),
        api_url: at.to_owned(),
        secret_ends: None,
    }];
}

/// A remote of rclone's with an application of its own.
fn drive(refresh_token: &str) -> String {
    let application = DriveOptions::default();
    format!(
        "[drive]\ntype = drive\nscope = drive\nclient_id = {}\nclient_secret = {}\n\
         token = {{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"refresh_token\":\"{refresh_token}\"}}\n",
        application.client_id, application.client_secret
    )
}

#[tokio::test]
async fn an_account_keeps_the_application_that_its_tokens_were_given_to() {
    let fake = DriveFake::start(DriveOptions::default()).await;
    let at = fake.url();
    on_each_engine_with(
        |config| google(config, &at),
        async |t| {
            let alice = t.user("alice").await;
            let token = fake.account("ada@gmail.com").issue_refresh_token();

            let words = import(&t, &alice, &drive(&token), &RcloneImport::default()).await;

            assert_eq!(words, ["drive: made"]);
            let row = t.connections(&alice).await.unwrap().remove(0);
            assert_eq!(row.connection.account, "ada@gmail.com");
            match credentials(&t, row.connection.id).await {
                Credentials::Tokens(tokens) => {
                    assert!(tokens.refresh == token);
                    assert!(
                        tokens
                            .client
                            .is_some_and(|client| client.id == DriveOptions::default().client_id)
                    );
                }
                _ => panic!("there are no tokens"),
            }
            // It is used: the tokens are renewed as that application.
            let report = t.check_connection(&alice, row.connection.id).await.unwrap();
            assert!(
                report
                    .steps
                    .iter()
                    .all(|step| step.state != crate::Checked::Failed),
                "{:?}",
                report.steps
            );
            assert_eq!(
                import(&t, &alice, &drive(&token), &RcloneImport::default()).await,
                ["drive: already"]
            );
        },
    )
    .await;
}

#[tokio::test]
async fn an_account_whose_access_ended_is_to_be_linked_and_leaves_nothing() {
    let fake = DriveFake::start(DriveOptions::default()).await;
    let at = fake.url();
    on_each_engine_with(
        |config| google(config, &at),
        async |t| {
            let alice = t.user("alice").await;

            let words = import(&t, &alice, &drive("1//0never-given"), &RcloneImport::default()).await;

            assert_eq!(words, ["drive: link"]);
            assert!(t.connections(&alice).await.unwrap().is_empty());
        },
    )
    .await;
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let imported = t
            .import_rclone(&alice, &drive("1//0"), &RcloneImport::default())
            .await
            .unwrap();
        match &imported[0].outcome {
            ImportOutcome::NotTaken(reason) => assert!(reason.contains("GOOGLE_CLIENT_ID"), "{reason}"),
            other => panic!("{other:?}"),
        }
    })
    .await;
}
