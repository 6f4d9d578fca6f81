//! The personal cloud: up, down, and names that are safe.

use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{file, on_a_server, post_form, text};

#[tokio::test]
async fn what_goes_up_comes_down_by_its_stored_name() {
    on_a_server(async |server, alice, bob| {
        let stored = post_form(&alice, "/upload", file("My cool movie.mov", "moving"))
            .await
            .expect(201)
            .json();
        assert_eq!(stored["message"], "File uploaded successfully");
        let name = text(&stored, "filename");
        assert_eq!(name.len(), 33 + "My_cool_movie.mov".len(), "{name}");
        assert!(name.ends_with("_My_cool_movie.mov"), "{name}");
        assert!(name[..32].bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");

        let content = alice.get(&format!("/download/{name}")).await.expect(200);
        assert_eq!(content.text(), "moving");
        let disposition = content.header("content-disposition");
        assert!(
            disposition.starts_with("attachment") && disposition.contains("My_cool_movie.mov"),
            "{disposition}"
        );
        let missing = bob.get(&format!("/download/{name}")).await.expect(404);
        assert_eq!(missing.json(), json!({"error": "There is no such file"}));
        server
            .client()
            .get(&format!("/download/{name}"))
            .await
            .expect(401);
    })
    .await;
}

#[tokio::test]
async fn two_files_of_one_name_do_not_collide() {
    on_a_server(async |_, alice, _| {
        let mut names = Vec::new();
        for content in ["one", "two"] {
            let stored = post_form(&alice, "/upload", file("a.txt", content))
                .await
                .expect(201)
                .json();
            names.push((text(&stored, "filename"), content));
        }
        for (name, content) in &names {
            let found = alice.get(&format!("/download/{name}")).await.expect(200);
            assert_eq!(found.text(), *content);
        }
        // The id of one and the name of the other are no file.
        let mixed = names[0].0[..32].to_owned() + &names[1].0[32..];
        alice.get(&format!("/download/{mixed}")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn no_path_gets_in_or_out() {
    on_a_server(async |_, alice, _| {
        for (sent, kept) in [
            ("../../../etc/passwd", "etc_passwd"),
            ("..%2f..%2fx", "2f..2fx"),
            ("/var/www/x.php", "var_www_x.php"),
            ("\u{fc}ml\u{e4}ut.txt", "umlaut.txt"),
        ] {
            let stored = post_form(&alice, "/upload", file(sent, "x"))
                .await
                .expect(201)
                .json();
            assert_eq!(&text(&stored, "filename")[33..], kept, "{sent}");
            assert!(!stored.to_string().contains('/'), "{stored}");
        }
        for name in [
            "..%2f..%2fetc%2fpasswd",
            "%2e%2e%2fx",
            "cumuli.toml",
            "a",
            "%00",
            "x%0d%0ay",
        ] {
            let reply = alice.get(&format!("/download/{name}")).await.expect(404);
            assert_eq!(reply.json(), json!({"error": "There is no such file"}), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_form_without_a_good_file_is_told_why() {
    on_a_server(async |_, alice, _| {
        let other = Form::new().part("document", Part::text("x").file_name("x.txt"));
        let unnamed = Form::new().part("file", Part::text("x").file_name(""));
        let cases = [
            (Form::new().text("name", "x"), "No file part"),
            (Form::new().text("file", "x"), "No file part"),
            (other, "No file part"),
            (unnamed, "No selected file"),
            (file("..", "x"), "Invalid file name"),
            (file("\u{65e5}\u{672c}", "x"), "Invalid file name"),
        ];
        for (form, error) in cases {
            let refused = post_form(&alice, "/upload", form).await.expect(400);
            assert_eq!(refused.json(), json!({ "error": error }));
        }
        let json = alice.post("/upload", &json!({"file": "x"})).await.expect(400);
        assert_eq!(json.json(), json!({"error": "No file part"}));
        assert_eq!(
            alice.get("/api/v1/files").await.expect(200).json()["files"],
            json!([])
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_given_by_others_has_no_stored_name() {
    on_a_server(async |_, alice, bob| {
        let stored = post_form(&alice, "/upload", file("a.txt", "a"))
            .await
            .expect(201)
            .json();
        let name = text(&stored, "filename");
        let files = alice.get("/api/v1/files").await.expect(200).json();
        let give = json!({"node_id": files["files"][0]["id"], "email": "bob@example.org", "right": "edit"});
        alice.post("/api/v1/shares", &give).await.expect(201);

        bob.get(&format!("/download/{name}")).await.expect(404);
        alice.get(&format!("/download/{name}")).await.expect(200);
    })
    .await;
}
