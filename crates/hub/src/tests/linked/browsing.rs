//! Reading what is in a connection, and what may not be read.

use fake_clouds::{Act, Fault};
use futures_util::TryStreamExt;
use model::RemoteKind;

use super::super::harness::{on_each_engine_with, part};
use super::{Clouds, link, look, page, read};
use crate::HubError;

#[tokio::test]
async fn pages_of_a_folder_hold_everything_once() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.microsoft.account("ada@outlook.com");
        account.sign_in_next();
        for i in 0..25 {
            account.create_file(&format!("/File {i:02}.txt"), "x");
        }
        account.create_folder("/Zoo");
        let id = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        look(&t).await;
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let part = crate::Part { cursor, ..part(10) };
            let page = t.remote_items(&ada, (id, None), part).await.unwrap();
            found.extend(page.items.into_iter().map(|item| item.name));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let mut expected = vec!["Zoo".to_owned()];
        expected.extend((0..25).map(|i| format!("File {i:02}.txt")));
        assert_eq!(found, expected);
        let wrong = crate::Part {
            cursor: Some("AAAA".to_owned()),
            ..part(10)
        };
        let refused = t.remote_items(&ada, (id, None), wrong).await;
        assert!(matches!(refused, Err(HubError::Invalid { field: "cursor", .. })));
        for name in &expected {
            account.delete(&format!("/{name}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_part_of_a_content_is_that_part_and_documents_are_exported() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
        let file = account.create_file(&root, "big.bin", bytes.clone());
        let doc = account.make_doc(&root, "Plan", "document", "hello");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        assert_eq!(read(&t, &ada, id, &file).await.unwrap(), bytes);
        let part = t
            .open_remote(&ada, (id, &file), None, Some(70_000..70_010))
            .await
            .unwrap();
        let part: Vec<bytes::Bytes> = part.stream.try_collect().await.unwrap();
        assert_eq!(part.concat(), bytes[70_000..70_010]);

        let page = page(&t, &ada, id, None).await;
        let seen = page.items.iter().find(|item| item.id == doc).unwrap();
        assert_eq!(seen.kind, RemoteKind::Document);
        assert!(seen.details[0].contains("wordprocessingml"), "{:?}", seen.details);
        let exported = t.open_remote(&ada, (id, &doc), None, None).await.unwrap();
        assert_eq!(exported.file_name, "Plan.docx");
        let wrong = t.open_remote(&ada, (id, &doc), Some("image/bmp"), None).await;
        assert!(matches!(
            wrong.err(),
            Some(HubError::Invalid { field: "export", .. })
        ));
        let folder = t.open_remote(&ada, (id, &root), None, None).await;
        assert!(matches!(folder.err(), Some(HubError::RemoteRefuses(_))));
        account.delete(&file);
        account.delete(&doc);
    })
    .await;
}

#[tokio::test]
async fn a_content_that_is_not_right_breaks_off() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "a.bin", vec![5; 50_000]);
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        clouds
            .google
            .faults()
            .push(Fault::on("GET", "alt=media", Act::Flip));
        let broken = read(&t, &ada, id, &file).await;
        assert!(matches!(broken, Err(HubError::Body(_))), "{broken:?}");
        clouds
            .google
            .faults()
            .push(Fault::on("GET", "alt=media", Act::Truncate));
        assert_eq!(
            read(&t, &ada, id, &file).await.unwrap(),
            [5; 50_000],
            "it goes on"
        );
        account.delete(&file);
    })
    .await;
}

#[tokio::test]
async fn nobody_sees_into_somebody_elses_connection() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        // The first account is an administrator's.
        let root = t.user("root").await;
        let ada = t.user("ada").await;
        let eve = t.user("eve").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "secret.txt", "x");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        for who in [&eve, &root] {
            assert!(t.connections(who).await.unwrap().is_empty());
            let not_found = |error: Option<HubError>| matches!(error, Some(HubError::NotFound(_)));
            assert!(not_found(t.connection(who, id).await.err()));
            assert!(not_found(t.remote_items(who, (id, None), part(10)).await.err()));
            assert!(not_found(t.open_remote(who, (id, &file), None, None).await.err()));
            assert!(not_found(t.remote_item(who, (id, &file)).await.err()));
            assert!(not_found(t.sign_remote(who, (id, &file), None, "x").await.err()));
            assert!(not_found(t.check_connection(who, id).await.err()));
            assert!(not_found(t.refresh_connection(who, id).await.err()));
            assert!(not_found(t.rename_connection(who, id, "mine").await.err()));
            assert!(not_found(t.disconnect(who, id).await.err()));
            assert!(not_found(t.begin_link(who, "google", Some(id), "/").await.err()));
        }
        account.delete(&file);
    })
    .await;
}

#[tokio::test]
async fn a_copy_elsewhere_is_found_by_its_content() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.microsoft.account("ada@outlook.com");
        account.sign_in_next();
        account.create_file("/decoy.txt", "hallo welt!");
        account.create_file("/other name.txt", "hello world");
        let id = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        look(&t).await;
        let root = t.root(&ada).await;
        let same = t.put(&ada, root, "mine.txt", "hello world").await;
        let differs = t.put(&ada, root, "decoy.txt", "hallo velt!").await;
        let address = t.copy_elsewhere(&ada, same.id, "onedrive").await.unwrap();
        let url = address.store_url.expect("an address of Microsoft's");
        let bytes = reqwest::get(url).await.unwrap().bytes().await.unwrap();
        assert_eq!(&bytes[..], b"hello world");
        let none = t.copy_elsewhere(&ada, differs.id, "onedrive").await;
        assert!(matches!(none, Err(HubError::NotFound(_))));
        let none = t.copy_elsewhere(&ada, same.id, "google").await;
        assert!(matches!(none, Err(HubError::NotFound(_))));
        t.disconnect(&ada, id).await.unwrap();
        account.delete("/decoy.txt");
        account.delete("/other name.txt");
    })
    .await;
}
