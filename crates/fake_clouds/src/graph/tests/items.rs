use super::*;

#[tokio::test]
async fn names_keep_their_case_and_are_one_without_it() {
    let t = World::personal().await;
    let id = t.put("Report.TXT", "1").await.text("id");

    assert_eq!(t.item("/me/drive/root:/report.txt").await["name"], "Report.TXT");
    assert_eq!(t.put("REPORT.txt", "2").await.text("id"), id);
    let renamed = t.patch(&id, &json!({ "name": "report.txt" })).await;
    assert_eq!(renamed.text("name"), "report.txt");
    assert_eq!(t.ada.tree().len(), 1);
}

#[tokio::test]
async fn names_and_paths_that_the_service_refuses_are_refused() {
    let t = World::personal().await;
    let id = t.ada.create_file("a", "a");
    for name in ["a:b", "CON", " x", "x.", "a\"b"] {
        t.patch(&id, &json!({ "name": name }))
            .await
            .is_refused(400, "invalidRequest");
    }
    let deep = vec!["d".repeat(99); 4].join("/");
    t.ada.create_folder(&deep);
    t.put(&format!("{deep}/x"), "")
        .await
        .is_refused(400, "pathIsTooLong");
    t.is_honest();
}

#[tokio::test]
async fn a_taken_name_fails_replaces_or_gives_way_as_asked() {
    let t = World::personal().await;
    let first = t.put("a.txt", "1").await.text("id");
    let put = async |behavior: &str, content: &'static str| {
        let path = format!("/me/drive/root:/A.txt:/content?@microsoft.graph.conflictBehavior={behavior}");
        t.call("PUT", &path, &[], content).await
    };

    put("fail", "2").await.is_refused(409, "nameAlreadyExists");
    assert_eq!(put("rename", "3").await.text("name"), "A 1.txt");
    assert_eq!(put("replace", "4").await.text("id"), first);
    assert_eq!(t.ada.read("a.txt").unwrap(), "4");
    assert_eq!(put("perhaps", "5").await.status, 400);
    let folder = json!({ "name": "A.TXT", "folder": {} });
    t.post("/me/drive/root/children", &folder)
        .await
        .is_refused(409, "nameAlreadyExists");
}

#[tokio::test]
async fn an_id_survives_a_move_with_a_rename_in_one_step() {
    let t = World::personal().await;
    let (id, folder) = (t.ada.create_file("a.txt", "a"), t.ada.create_folder("f"));
    let body = json!({ "name": "b.txt", "parentReference": { "id": folder } });

    assert_eq!(t.patch(&id, &body).await.text("id"), id);
    assert_eq!(t.ada.path_of(&id).unwrap(), "f/b.txt");
    let body = json!({ "parentReference": { "id": folder } });
    t.patch(&folder, &body).await.is_refused(400, "invalidRequest");
}

#[tokio::test]
async fn a_clients_times_are_kept_to_the_second_until_the_content_changes_or_it_moves() {
    let t = World::personal().await;
    let (id, folder) = (t.ada.create_file("a", "a"), t.ada.create_folder("f"));
    let time = async || {
        t.item(&format!("/me/drive/items/{id}")).await["fileSystemInfo"]["lastModifiedDateTime"].clone()
    };
    let set = json!({ "fileSystemInfo": { "lastModifiedDateTime": "2001-02-03T04:05:06.789Z" } });

    t.patch(&id, &set).await;
    assert_eq!(time().await, "2001-02-03T04:05:06Z");
    t.patch(&id, &json!({ "parentReference": { "id": folder } }))
        .await;
    assert_eq!(time().await, "2023-11-14T22:13:20Z");
    t.patch(&id, &set).await;
    t.ada.write("f/a", "b");
    assert_eq!(time().await, "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn either_tag_stands_for_an_item_and_an_old_one_is_refused() {
    for t in [World::personal().await, World::business().await] {
        let id = t.ada.create_file("a.txt", "1");
        let path = format!("/me/drive/items/{id}");
        let old = t.item(&path).await;
        t.patch(&id, &json!({ "name": "b.txt" })).await;
        let (etag, ctag) = (old["eTag"].as_str().unwrap(), old["cTag"].as_str().unwrap());
        let put = async |tag: &str| {
            t.call("PUT", &format!("{path}/content"), &[("if-match", tag)], "2")
                .await
        };

        put(etag).await.is_refused(412, "resourceModified");
        assert_eq!(put(ctag).await.status, 200);
        put(ctag).await.is_refused(412, "resourceModified");
        t.call("DELETE", &path, &[("if-match", ctag)], "")
            .await
            .is_refused(412, "resourceModified");
        let now = t.get(&path).await;
        let known = [("if-none-match", now.header("etag"))];
        assert_eq!(t.call("GET", &path, &known, "").await.status, 304);
        let known = [("if-match", now.header("etag"))];
        assert_eq!(t.call("DELETE", &path, &known, "").await.status, 204);
        t.is_honest();
    }
}

#[tokio::test]
async fn a_small_put_does_not_know_if_none_match() {
    let t = World::personal().await;
    t.put("a", "1").await;
    let path = "/me/drive/root:/a:/content";

    assert_eq!(
        t.call("PUT", path, &[("if-none-match", "*")], "2").await.status,
        200
    );
    assert_eq!(t.ada.read("a").unwrap(), "2");
}

#[tokio::test]
async fn folders_count_what_changes_below_them_in_personal_drives_only() {
    for (t, counts) in [(World::personal().await, true), (World::business().await, false)] {
        t.ada.create_file("a/b/c", "1");
        let tags = async || {
            let folder = t.item("/me/drive/root:/a").await;
            (folder["eTag"].clone(), folder["cTag"].clone())
        };
        let before = tags().await;
        t.ada.write("a/b/c", "2");
        let after = tags().await;

        assert_eq!(before.1 != after.1, counts);
        assert_eq!(before.0 != after.0, counts);
        assert_eq!(after.1.is_null(), !counts);
    }
}

#[tokio::test]
async fn children_come_in_pages_whose_links_are_taken_as_they_are() {
    let t = World::personal().await;
    (0..5).for_each(|number| drop(t.ada.create_file(&number.to_string(), "x")));
    let mut page = t.item("/me/drive/root/children?$top=2&$select=id,name").await;
    let link = page["@odata.nextLink"].as_str().unwrap().to_owned();
    let mut found = page["value"].as_array().unwrap().clone();
    while let Some(next) = page["@odata.nextLink"].as_str() {
        page = t.item(next).await;
        found.extend(page["value"].as_array().unwrap().clone());
    }

    assert_eq!(names(&found), ["0", "1", "2", "3", "4"]);
    assert!(found[4]["size"].is_null());
    t.is_honest();
    let anew = link.replace("%3b", "%3B");
    assert_eq!(t.get(&anew).await.status, 400);
    t.is_caught("encoded anew");
}

#[tokio::test]
async fn a_page_is_no_longer_than_the_service_likes() {
    let t = World::personal().await;
    (0..5).for_each(|number| drop(t.ada.create_file(&number.to_string(), "x")));
    t.fake.switches().set(|switches| {
        switches.children_page = 2;
        switches.delta_page = 2;
    });

    for list in ["children", "delta"] {
        let page = t.item(&format!("/me/drive/root/{list}?$top=1000")).await;
        assert_eq!(page["value"].as_array().unwrap().len(), 2, "{list}");
    }
}

#[tokio::test]
async fn a_new_item_may_be_missing_for_a_while() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| {
        switches.read_lag_ms = 1000;
        switches.list_lag_ms = 2000;
    });
    let id = t.put("a", "a").await.text("id");
    let path = format!("/me/drive/items/{id}");
    let listed = async || {
        t.item("/me/drive/root/children").await["value"]
            .as_array()
            .unwrap()
            .len()
    };

    t.get(&path).await.is_refused(404, "itemNotFound");
    t.fake.switches().set(|switches| switches.read_lag_is_400 = true);
    t.get(&path).await.is_refused(400, "invalidRequest");
    t.fake.clock().advance(1000);
    assert_eq!((t.get(&path).await.status, listed().await), (200, 0));
    t.fake.clock().advance(1000);
    assert_eq!(listed().await, 1);
}

#[tokio::test]
async fn a_hash_is_missing_where_there_is_none_yet() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| switches.hash_delay_ms = 5000);
    t.put("empty", "").await;
    t.put("hello", "hello world").await;
    let hash = async |name: &str| {
        t.item(&format!("/me/drive/root:/{name}")).await["file"]["hashes"]["quickXorHash"].clone()
    };

    assert_eq!(hash("hello").await, Value::Null);
    t.fake.clock().advance(5000);
    assert_eq!(hash("hello").await, "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
    assert_eq!(hash("empty").await, Value::Null);
}

#[tokio::test]
async fn an_organization_rewrites_office_files_a_while_after_they_came() {
    let t = World::business().await;
    t.fake
        .switches()
        .set(|switches| switches.office_rewrite_ms = Some(3000));
    let put = t.put("a.DOCX", "words").await.json();
    t.put("a.txt", "words").await;
    t.fake.clock().advance(2999);
    assert_eq!(t.ada.read("a.DOCX").unwrap(), "words");
    t.fake.clock().advance(1);
    let now = t.item("/me/drive/root:/a.DOCX").await;

    for field in ["size", "eTag", "cTag"] {
        assert_ne!(put[field], now[field]);
    }
    assert_ne!(t.ada.read("a.DOCX").unwrap(), "words");
    assert_eq!(t.ada.read("a.txt").unwrap(), "words");
    let once = t.ada.read("a.DOCX");
    t.fake.clock().advance(10_000);
    assert_eq!(t.ada.read("a.DOCX"), once);
}

#[tokio::test]
async fn a_copy_is_done_some_time_after_it_was_asked_for() {
    let t = World::personal().await;
    t.ada.create_file("a/b.txt", "b");
    let path = format!("/me/drive/items/{}/copy", t.ada.id("a"));
    let asked = t.post(&path, &json!({ "name": "c" })).await;
    let monitor = asked.header("location").to_owned();

    assert_eq!(asked.status, 202);
    assert_eq!(
        t.send("GET", &monitor, &[], "").await.text("status"),
        "inProgress"
    );
    assert_eq!(t.send("GET", &monitor, &[], "").await.text("status"), "completed");
    assert_eq!(t.ada.read("c/b.txt").unwrap(), "b");
    t.is_honest();
    assert_eq!(t.get(&monitor).await.status, 401);
    t.is_caught("an access token was sent to the address of a copy");
}

#[tokio::test]
async fn a_locked_item_does_not_change() {
    let t = World::personal().await;
    let id = t.ada.create_file("a", "a");
    t.ada.set_locked("a", true);

    t.patch(&id, &json!({ "name": "b" }))
        .await
        .is_refused(423, "resourceLocked");
    t.put("a", "b").await.is_refused(423, "resourceLocked");
    t.ada.set_locked("a", false);
    assert_eq!(t.put("a", "b").await.status, 200);
}

#[tokio::test]
async fn a_deleted_folder_comes_back_whole_in_personal_drives_only() {
    for (t, status) in [(World::personal().await, 200), (World::business().await, 400)] {
        t.ada.create_file("a/b", "b");
        let id = t.ada.id("a");
        t.ada.delete("a");
        let answer = t.post(&format!("/me/drive/items/{id}/restore"), &json!({})).await;

        assert_eq!(answer.status, status);
        assert_eq!(t.ada.read("a/b").is_some(), status == 200);
    }
}

#[tokio::test]
async fn the_apps_own_folder_is_all_that_an_app_of_that_scope_sees() {
    let t = World::personal().await;
    t.ada.create_file("a", "a");
    let token = t.fake.shared.tokens.issue_access(
        "x",
        &crate::oauth::Grant {
            client_id: "app".to_owned(),
            account: ADA.to_owned(),
            scopes: vec!["https://graph.microsoft.com/Files.ReadWrite.AppFolder".to_owned()],
            nonce: None,
            is_offline: false,
        },
        &super::super::oauth::LIVES,
    );
    let t = World { token, ..t };

    t.get("/me/drive/root:/a").await.is_refused(403, "accessDenied");
    t.get("/me/drive/root/delta")
        .await
        .is_refused(403, "accessDenied");
    let put = t
        .call("PUT", "/me/drive/special/approot:/b:/content", &[], "b")
        .await;
    assert_eq!(put.status, 201);
    assert_eq!(t.delta("/me/drive/special/approot/delta").await.0.len(), 2);
    assert_eq!(
        t.item("/me/drive/special/approot").await["specialFolder"]["name"],
        "approot"
    );
}

#[tokio::test]
async fn pages_go_on_after_the_last_name_unless_they_are_counted() {
    for (shifts, expected) in [(false, ["2", "3"]), (true, ["1", "2"])] {
        let t = World::personal().await;
        t.fake.switches().set(|switches| switches.children_shift = shifts);
        (0..4).for_each(|number| drop(t.ada.create_file(&number.to_string(), "x")));
        let page = t.item("/me/drive/root/children?$top=2").await;
        t.ada.create_file("(new)", "x");
        let page = t.item(page["@odata.nextLink"].as_str().unwrap()).await;

        assert_eq!(names(page["value"].as_array().unwrap()), expected);
    }
}

#[tokio::test]
async fn a_rewrite_does_not_depend_on_when_exactly_a_file_came() {
    let options = GraphOptions {
        kind: DriveType::Business,
        ..GraphOptions::default()
    };
    let fake = GraphFake::start(options).await;
    let ada = fake.account(ADA);
    fake.switches()
        .set(|switches| switches.office_rewrite_ms = Some(0));
    // On the real clock, on which time goes by during a request.
    for number in 0..50 {
        let path = format!("{number}.docx");
        ada.create_file(&path, "words");
        assert_ne!(ada.read(&path).unwrap(), "words");
    }
}
