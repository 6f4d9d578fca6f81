//! Lists and changes that are late, out of order or twice there.

use super::*;

async fn start(desk: &Desk) -> String {
    let answer = desk
        .get("/drive/v3/changes/startPageToken?supportsAllDrives=true")
        .await
        .json();
    answer["startPageToken"].as_str().unwrap().to_owned()
}

async fn changes(desk: &Desk, token: &str, more: &str) -> Value {
    let path = format!("/drive/v3/changes?pageToken={token}&supportsAllDrives=true{more}");
    desk.get(&path).await.json()
}

fn ids(changes: &Value) -> Vec<&str> {
    changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["fileId"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_is_told_of_once_and_a_child_can_come_before_its_folder() {
    let desk = Desk::new().await;
    let token = start(&desk).await;
    let folder = desk.account.create_folder("root", "folder");
    let child = desk.account.create_file(&folder, "child", "1");
    desk.account.rename(&folder, "renamed");

    assert_eq!(ids(&changes(&desk, &token, "").await), [&child, &folder]);
}

#[tokio::test]
async fn a_page_that_repeats_begins_with_the_end_of_the_one_before() {
    let desk = Desk::new().await;
    let token = start(&desk).await;
    let made: Vec<String> = ["a", "b", "c"]
        .map(|name| desk.account.create_file("root", name, ""))
        .into();
    desk.fake
        .switches()
        .set(|switches| switches.changes_repeat = true);

    let first = changes(&desk, &token, "&pageSize=2").await;
    assert_eq!(ids(&first), [&made[0], &made[1]]);
    let second = changes(&desk, first["nextPageToken"].as_str().unwrap(), "&pageSize=2").await;
    assert_eq!(ids(&second), [&made[1], &made[2]]);
}

#[tokio::test]
async fn what_was_taken_away_is_removed_though_it_is_there() {
    let desk = Desk::new().await;
    let other = desk.fake.account("bob@example.org");
    let id = other.create_file("root", "bob's", "1");
    other.share(&id, EMAIL, false);
    let token = start(&desk).await;
    other.unshare(&id, EMAIL);

    let told = changes(&desk, &token, "").await;
    assert_eq!(
        (ids(&told), &told["changes"][0]["removed"]),
        (vec![id.as_str()], &json!(true))
    );
}

#[tokio::test]
async fn what_is_shared_has_no_parent_that_the_reader_sees() {
    let desk = Desk::new().await;
    let other = desk.fake.account("bob@example.org");
    let id = other.create_file("root", "bob's", "1");
    other.share(&id, EMAIL, false);

    let path =
        format!("/drive/v3/files/{id}?supportsAllDrives=true&fields=parents,ownedByMe,capabilities(canEdit)");
    let shown = desk.get(&path).await.json();
    assert_eq!(
        shown,
        json!({"ownedByMe": false, "capabilities": {"canEdit": false}})
    );
}

#[tokio::test]
async fn a_list_that_lags_shows_what_was_before_while_a_get_shows_what_is() {
    let desk = Desk::new().await;
    let (one, two) = (
        desk.account.create_folder("root", "one"),
        desk.account.create_folder("root", "two"),
    );
    let id = desk.account.create_file(&one, "before", "1");
    desk.fake.switches().set(|switches| switches.list_lag_ms = 1000);
    desk.account.rename(&id, "after");
    desk.account.move_to(&id, &two);
    let gone = desk.account.create_file(&one, "new", "1");
    desk.account.delete(&gone);

    let list = async |folder: &str| {
        let path = format!("/drive/v3/files?q='{folder}'+in+parents&supportsAllDrives=true");
        let files = desk.get(&path).await.json()["files"].take();
        let names = files
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        (list(&one).await, list(&two).await),
        (vec!["before".to_owned()], vec![])
    );
    let shown = desk
        .get(&format!("/drive/v3/files/{id}?supportsAllDrives=true"))
        .await
        .json();
    assert_eq!(shown["name"], "after");
    desk.fake.clock().advance(1000);
    assert_eq!(
        (list(&one).await, list(&two).await),
        (vec![], vec!["after".to_owned()])
    );
}

#[tokio::test]
async fn a_token_of_a_list_is_good_for_hours_and_for_the_same_search_only() {
    let desk = Desk::new().await;
    for name in ["a", "b", "c"] {
        let _ = desk.account.create_file("root", name, "");
    }
    let path = "/drive/v3/files?supportsAllDrives=true&pageSize=2";
    let token = desk.get(path).await.json()["nextPageToken"]
        .as_str()
        .unwrap()
        .to_owned();
    let next = |path: &str| desk.request("GET", path).query(&[("pageToken", &token)]);

    assert_eq!(
        desk.send(next(path)).await.json()["files"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        desk.send(next(&format!("{path}&q=trashed=false"))).await.reason(),
        "invalid"
    );
    desk.saw_wrong("other parameters");
    desk.fake.clock().advance(3 * HOUR_MS);
    let desk = Desk {
        token: desk.account.issue_token(),
        ..desk
    };
    let late = desk.request("GET", path).query(&[("pageToken", &token)]);
    assert_eq!(desk.send(late).await.reason(), "invalid");
}

#[tokio::test]
async fn an_app_with_the_narrow_scope_sees_what_it_made() {
    let desk = Desk::new().await;
    let of_another = desk.account.create_file("root", "of another", "1");
    let token = desk
        .account
        .issue_token_for(&["https://www.googleapis.com/auth/drive.file"]);
    let desk = Desk { token, ..desk };
    desk.post(
        "/drive/v3/files?supportsAllDrives=true",
        &json!({"name": "of the app"}),
    )
    .await;

    let listed = desk
        .get("/drive/v3/files?supportsAllDrives=true&fields=files(name)")
        .await
        .json();
    assert_eq!(listed, json!({"files": [{"name": "of the app"}]}));
    let path = format!("/drive/v3/files/{of_another}?supportsAllDrives=true");
    assert_eq!(desk.get(&path).await.reason(), "notFound");
    let renamed = desk
        .send(desk.request("PATCH", &path).json(&json!({"name": "b"})))
        .await;
    assert_eq!(renamed.reason(), "appNotAuthorizedToFile");
}

#[tokio::test]
async fn a_shortcut_leads_to_what_may_not_be_there() {
    let desk = Desk::new().await;
    let id = desk.account.make_shortcut("root", "away", "nowhere");
    let path = format!("/drive/v3/files/{id}?supportsAllDrives=true&fields=shortcutDetails(targetId)");

    assert_eq!(
        desk.get(&path).await.json(),
        json!({"shortcutDetails": {"targetId": "nowhere"}})
    );
    assert_eq!(
        desk.get("/drive/v3/files/nowhere?supportsAllDrives=true")
            .await
            .status,
        404
    );
}
