use super::*;

const ROOT: &str = "/me/drive/root/delta";

#[tokio::test]
async fn a_first_round_tells_everything_and_the_next_only_what_changed() {
    for t in [World::personal().await, World::business().await] {
        t.ada.create_file("a/b/c.txt", "c");
        t.ada.create_file("d.txt", "d");
        let (all, link) = t.delta(ROOT).await;
        t.ada.write("a/b/c.txt", "changed");
        let (changed, link) = t.delta(&link).await;
        let (none, _) = t.delta(&link).await;

        assert_eq!(all.len(), 5);
        // The folders above are told again.
        assert_eq!(names(&changed), ["root", "a", "b", "c.txt"]);
        assert!(none.is_empty());
        assert!(all.iter().all(|row| row["parentReference"]["path"].is_null()));
        t.is_honest();
    }
}

#[tokio::test]
async fn the_folders_above_can_be_left_out() {
    let t = World::business().await;
    t.ada.create_folder("a/b");
    let (_, link) = t.delta(ROOT).await;
    t.ada.create_file("a/b/c", "c");
    let rows = t
        .call("GET", &link, &[("deltaExcludeParent", "true")], "")
        .await
        .json();

    assert_eq!(names(rows["value"].as_array().unwrap()), ["c"]);
}

#[tokio::test]
async fn tags_and_deleted_rows_differ_between_the_kinds_of_drives() {
    for (t, is_personal) in [(World::personal().await, true), (World::business().await, false)] {
        t.ada.create_file("f/a", "a");
        let (rows, link) = t.delta(ROOT).await;
        let file = rows.iter().find(|row| row["name"] == "a").unwrap();
        assert_eq!(file["cTag"].is_string(), is_personal);
        t.ada.delete("f");
        let (rows, _) = t.delta(&link).await;
        let gone: Vec<&Value> = rows.iter().filter(|row| row["deleted"].is_object()).collect();

        // Of what was in the folder only organizations tell.
        assert_eq!(gone.len(), if is_personal { 1 } else { 2 });
        assert_eq!(gone[0]["name"].is_string(), is_personal);
        assert_eq!(gone[0]["size"].is_null(), is_personal);
        assert!(gone[0]["cTag"].is_null());
    }
}

#[tokio::test]
async fn a_rename_of_a_folder_is_told_of_the_folder_alone() {
    let t = World::business().await;
    t.ada.create_file("old/a", "a");
    let (_, link) = t.delta(ROOT).await;
    t.ada.rename("old", "new");

    assert_eq!(names(&t.delta(&link).await.0), ["root", "new"]);
}

#[tokio::test]
async fn a_round_in_pages_tells_what_it_began_with_and_the_next_what_came_meanwhile() {
    let t = World::personal().await;
    (0..6).for_each(|number| drop(t.ada.create_file(&number.to_string(), "x")));
    t.fake.switches().set(|switches| switches.empty_page = true);
    let first = t.item(&format!("{ROOT}?$top=2&$select=id,name")).await;
    assert_eq!(first["value"], json!([]));
    t.ada.create_file("late", "x");
    let (rows, link) = t.delta(first["@odata.nextLink"].as_str().unwrap()).await;

    assert_eq!(names(&rows), ["root", "0", "1", "2", "3", "4", "5"]);
    assert!(rows[1]["size"].is_null());
    assert_eq!(names(&t.delta(&link).await.0), ["root", "late"]);
}

#[tokio::test]
async fn latest_gives_a_link_and_no_rows() {
    let t = World::personal().await;
    t.ada.create_file("a", "a");
    for path in [format!("{ROOT}?token=latest"), format!("{ROOT}(token='latest')")] {
        let (rows, link) = t.delta(&path).await;
        assert!(rows.is_empty());
        t.ada.write("a", "b");
        assert_eq!(names(&t.delta(&link).await.0), ["root", "a"]);
    }
}

#[tokio::test]
async fn rows_can_come_twice_and_out_of_order_and_odd() {
    let t = World::personal().await;
    t.ada.create_file("f/a", "1");
    let (_, link) = t.delta(ROOT).await;
    t.ada.write("f/a", "22");
    t.fake.switches().set(|switches| {
        switches.delta_children_first = true;
        switches.delta_repeats = true;
        switches.delta_odd_rows = true;
    });
    let (rows, _) = t.delta(&link).await;
    let sizes: Vec<&Value> = rows
        .iter()
        .filter(|row| row["name"] == "a")
        .map(|row| &row["size"])
        .collect();

    assert_eq!(sizes, [1, 2]);
    assert_eq!(rows[0]["name"], "a");
    let odd = rows.iter().find(|row| row["name"].is_null()).unwrap();
    assert!(odd["parentReference"].is_null());
    let path = format!("/me/drive/items/{}", odd["id"].as_str().unwrap());
    assert_eq!(t.get(&path).await.status, 404);
}

#[tokio::test]
async fn changes_can_be_told_late() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| switches.delta_lag_ms = 1000);
    let (_, link) = t.delta(ROOT).await;
    t.fake.clock().advance(1000);
    let (_, link) = t.delta(&link).await;
    t.ada.create_file("a", "a");
    let (none, link) = t.delta(&link).await;
    assert!(none.is_empty());
    t.fake.clock().advance(1000);

    assert_eq!(names(&t.delta(&link).await.0), ["root", "a"]);
}

#[tokio::test]
async fn a_token_that_is_gone_names_a_way_to_begin_anew() {
    for code in [
        "resyncChangesApplyDifferences",
        "resyncChangesUploadDifferences",
        "resyncRequired",
    ] {
        let t = World::personal().await;
        t.ada.create_file("a", "a");
        let (_, link) = t.delta(ROOT).await;
        t.fake
            .switches()
            .set(|switches| switches.delta_gone = Some(code.to_owned()));
        let gone = t.get(&link).await;

        gone.is_refused(410, code);
        assert_eq!(t.delta(gone.header("location")).await.0.len(), 2);
        assert!(t.delta(&link).await.0.is_empty());
        t.ada.expire_delta_tokens();
        t.fake
            .switches()
            .set(|switches| switches.delta_gone_link_broken = true);
        let gone = t.get(&link).await;
        gone.is_refused(410, "resyncRequired");
        assert_eq!(t.get(gone.header("location")).await.status, 500);
        assert_eq!(t.delta(ROOT).await.0.len(), 2);
    }
}

#[tokio::test]
async fn a_page_in_the_middle_can_be_missing() {
    let t = World::personal().await;
    t.ada.create_file("a", "a");
    t.fake.switches().set(|switches| {
        switches.delta_page = 1;
        switches.delta_page_404s = 1;
    });
    let next = t.item(ROOT).await["@odata.nextLink"].as_str().unwrap().to_owned();

    t.get(&next).await.is_refused(404, "itemNotFound");
    assert_eq!(t.get(&next).await.status, 200);
}

#[tokio::test]
async fn a_link_works_only_as_it_was_given_out() {
    let t = World::personal().await;
    let (_, link) = t.delta(ROOT).await;
    assert_eq!(t.get(&link.replace("%7e", "~")).await.status, 400);
    t.is_caught("encoded anew");

    assert_eq!(t.get(&format!("{ROOT}?token=invented")).await.status, 400);
    assert_eq!(t.fake.violations().len(), 1);
}

#[tokio::test]
async fn what_was_deleted_and_came_back_in_one_round_is_alive() {
    let t = World::personal().await;
    let id = t.ada.create_file("a", "a");
    let (_, link) = t.delta(ROOT).await;
    t.ada.delete("a");
    t.ada.restore(&id);
    let (rows, _) = t.delta(&link).await;

    assert_eq!(names(&rows), ["root", "a"]);
    assert!(rows[1]["deleted"].is_null());
}

#[tokio::test]
async fn a_folder_has_changes_of_its_own_in_personal_drives_only() {
    for (t, status) in [(World::personal().await, 200), (World::business().await, 501)] {
        t.ada.create_file("f/a", "a");
        t.ada.create_file("b", "b");
        let path = format!("/me/drive/items/{}/delta", t.ada.id("f"));
        let answer = t.get(&path).await;

        assert_eq!(answer.status, status);
        if status == 200 {
            assert_eq!(names(answer.json()["value"].as_array().unwrap()), ["f", "a"]);
        }
    }
}

#[tokio::test]
async fn deletions_can_be_lost() {
    let t = World::business().await;
    t.ada.create_file("f/a", "a");
    let (_, link) = t.delta(ROOT).await;
    t.fake
        .switches()
        .set(|switches| switches.delta_loses_deletes = true);
    t.ada.delete("f");

    assert!(t.delta(&link).await.0.iter().all(|row| row["deleted"].is_null()));
    assert_eq!(t.delta(ROOT).await.0.len(), 1);
}
