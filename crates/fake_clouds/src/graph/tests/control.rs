use super::*;

#[tokio::test]
async fn tests_in_other_languages_have_the_same_handles() {
    let t = World::personal().await;
    let url = |path: &str| format!("{}/_fake/{path}", t.fake.url());
    let post = async |path: &str, body: Value| {
        let headers = [("content-type", "application/json")];
        t.send("POST", &url(path), &headers, body.to_string()).await
    };
    let edit = async |edit: Value| post("edit", json!({ "email": ADA, "edit": edit })).await.status;

    assert_eq!(
        post("account", json!({ "email": ADA })).await.text("drive_id"),
        t.ada.drive_id()
    );
    assert_eq!(
        edit(json!({ "create_file": { "path": "a/b", "text": "b" } })).await,
        204
    );
    assert_eq!(edit(json!({ "rename": { "path": "a", "name": "c" } })).await, 204);
    assert_eq!(edit(json!({ "delete": { "path": "nothing" } })).await, 409);
    let tree = t
        .send("GET", &url("tree?email=ada@example.org"), &[], "")
        .await
        .json();
    assert_eq!(tree["c/b"], t.ada.id("c/b"));
    assert_eq!(
        post("switches", json!({ "strict_refresh": true })).await.status,
        200
    );
    assert!(t.fake.switches().get().strict_refresh);
    assert_eq!(t.fake.requests(), []);
}
