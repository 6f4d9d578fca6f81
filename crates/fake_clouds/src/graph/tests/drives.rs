use super::*;

#[tokio::test]
async fn the_two_kinds_of_drives_tell_who_they_are() {
    for (kind, name) in [
        (DriveType::Personal, "personal"),
        (DriveType::Business, "business"),
    ] {
        let t = World::new(kind).await;
        let drive = t.item("/me/drive").await;

        assert_eq!(drive["driveType"], name);
        assert_eq!(drive["id"], t.ada.drive_id());
        assert_eq!(
            t.item(&format!("/drives/{}/root", t.ada.drive_id())).await["id"],
            t.ada.root_id()
        );
    }
}

#[tokio::test]
async fn a_quota_tells_how_near_its_end_is() {
    let t = World::personal().await;
    t.ada.set_quota(100);
    for (name, bytes, state) in [("a", 50, "normal"), ("b", 45, "nearing"), ("c", 5, "exceeded")] {
        t.ada.create_file(name, vec![1; bytes]);

        assert_eq!(t.item("/me/drive").await["quota"]["state"], state);
    }
    t.put("d", "x").await.is_refused(507, "quotaLimitReached");
    t.fake.switches().set(|switches| switches.quota_unknown = true);
    assert_eq!(t.item("/me/drive").await["quota"]["total"], 0);
}

#[tokio::test]
async fn a_personal_drives_id_comes_in_other_spellings_which_all_work() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| switches.drive_id_quirk = true);
    let ids: Vec<String> = (0..3)
        .map(|number| t.ada.create_file(&number.to_string(), "x"))
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        t.patch(&id, &json!({ "name": format!("{id}x").replace('!', "") }))
            .await;
        for _ in 0..3 {
            let item = t.item(&format!("/me/drive/items/{id}")).await;
            seen.insert(item["parentReference"]["driveId"].as_str().unwrap().to_owned());
            t.patch(&id, &json!({ "fileSystemInfo": {} })).await;
        }
    }

    assert!(
        seen.len() == 3 && seen.iter().any(|id| id.len() == 15),
        "{seen:?}"
    );
    for id in seen {
        assert_eq!(t.get(&format!("/drives/{id}/root")).await.status, 200);
    }
}

#[tokio::test]
async fn a_drive_of_somebody_else_is_not_there_unless_it_was_mounted() {
    let t = World::personal().await;
    let bob = t.fake.account("bob@example.org");
    bob.create_file("theirs/a.txt", "a");
    let path = format!("/drives/{}/items/{}/children", bob.drive_id(), bob.id("theirs"));
    t.get(&path).await.is_refused(404, "itemNotFound");
    t.ada.create_shortcut("mount", &bob, "theirs");

    let mount = t.item("/me/drive/root:/mount").await;
    assert_eq!(mount["remoteItem"]["id"], bob.id("theirs"));
    assert_eq!(t.item(&path).await["value"][0]["name"], "a.txt");
}

#[tokio::test]
async fn a_new_drive_may_have_to_be_asked_for_its_root_first() {
    let t = World::business().await;
    t.fake.switches().set(|switches| switches.unprovisioned = true);

    assert_eq!(t.get("/me/drive").await.status, 404);
    assert_eq!(t.get("/me/drive/root").await.status, 200);
    assert_eq!(t.get("/me/drive").await.status, 200);
}

#[tokio::test]
async fn without_a_good_token_nothing_is_told() {
    let t = World::personal().await;
    let url = format!("{}/me/drive", t.fake.graph_url());
    t.send("GET", &url, &[], "")
        .await
        .is_refused(401, "InvalidAuthenticationToken");
    t.ada.expire_tokens();
    let answer = t.get("/me/drive").await;

    answer.is_refused(401, "InvalidAuthenticationToken");
    assert!(answer.header("www-authenticate").contains("expired_token"));
}
