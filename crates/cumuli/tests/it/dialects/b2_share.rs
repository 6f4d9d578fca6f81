//! The service over B2: upload, list, download by signed addresses, share in public.

use serde_json::{Value, json};

use super::{file, names, on_a_server, opened, post_form, text};
use crate::harness::Client;

#[tokio::test]
async fn a_file_goes_up_is_found_and_comes_down_by_a_signed_address() {
    on_a_server(async |server, alice, bob| {
        let stored = post_form(&alice, "/files/upload", file("report.pdf", "%PDF"))
            .await
            .expect(201)
            .json();
        assert_eq!(stored["size"], 4);
        assert_eq!(stored["content_type"], "application/pdf");
        let id = text(&stored, "id");
        // Each upload is a file of its own.
        let again = post_form(&alice, "/files/upload", file("report.pdf", "%PDF-2"))
            .await
            .expect(201)
            .json();
        assert_eq!(again["name"], "report (2).pdf");

        let found = alice
            .get(&format!("/files/{id}/download"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            opened(&server, &text(&found, "url")).await.expect(200).text(),
            "%PDF"
        );
        let moved = alice
            .get(&format!("/files/{id}/download?redirect=true"))
            .await
            .expect(302);
        assert_eq!(
            opened(&server, moved.header("location")).await.expect(200).text(),
            "%PDF"
        );
        alice
            .get(&format!("/files/{id}/download?expires_in=901"))
            .await
            .expect(422);
        bob.get(&format!("/files/{id}/download")).await.expect(404);

        alice.delete(&format!("/files/{id}")).await.expect(204);
        alice.get(&format!("/files/{id}/download")).await.expect(404);
        opened(&server, &text(&found, "url")).await.expect(404);
    })
    .await;
}

async fn page(client: &Client, query: &str) -> Value {
    client.get(&format!("/files{query}")).await.expect(200).json()
}

#[tokio::test]
async fn files_are_listed_in_pages_by_folder_and_by_a_text() {
    on_a_server(async |_, alice, bob| {
        let papers = alice
            .post("/drive", &json!({"name": "Papers"}))
            .await
            .expect(201)
            .json();
        let papers = text(&papers, "id");
        for name in ["one.txt", "two.txt", "three.md"] {
            post_form(&alice, "/files/upload", file(name, name))
                .await
                .expect(201);
        }
        let form = file("four.txt", "4").text("folder", "Papers");
        post_form(&alice, "/files/upload", form).await.expect(201);
        let form = file("five.txt", "5").text("folder_id", papers.clone());
        post_form(&alice, "/files/upload", form).await.expect(201);

        let all = page(&alice, "").await;
        assert_eq!(
            names(&all["items"]),
            ["five.txt", "four.txt", "three.md", "two.txt", "one.txt"]
        );
        assert_eq!(
            (&all["total"], &all["page"], &all["size"], &all["pages"]),
            (&json!(5), &json!(1), &json!(50), &json!(1))
        );
        let second = page(&alice, "?page=2&per_page=2").await;
        assert_eq!(names(&second["items"]), ["three.md", "two.txt"]);
        assert_eq!((&second["total"], &second["pages"]), (&json!(5), &json!(3)));
        assert_eq!(
            names(&page(&alice, "?skip=4&limit=10").await["items"]),
            ["one.txt"]
        );
        assert_eq!(names(&page(&alice, "?page=9").await["items"]), [""; 0]);
        for folder in [papers.as_str(), "Papers", "/Papers/"] {
            let some = page(&alice, &format!("?folder={folder}")).await;
            assert_eq!(names(&some["items"]), ["five.txt", "four.txt"], "{folder}");
        }
        assert_eq!(page(&alice, "?folder=root").await["total"], 3);
        assert_eq!(names(&page(&alice, "?search=T").await["items"]).len(), 5);
        assert_eq!(names(&page(&alice, "?search=THREE").await["items"]), ["three.md"]);
        assert_eq!(
            names(&page(&alice, &format!("?search=o&folder={papers}")).await["items"]),
            ["four.txt"]
        );
        assert_eq!(page(&bob, "").await["total"], 0);
        bob.get(&format!("/files?folder={papers}")).await.expect(404);
        alice.get("/files?folder=Nowhere").await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn a_shared_token_opens_the_file_until_it_is_revoked() {
    on_a_server(async |server, alice, bob| {
        let stored = post_form(&alice, "/files/upload", file("a.txt", "public"))
            .await
            .expect(201)
            .json();
        let share = format!("/files/{}/share", text(&stored, "id"));

        let link = alice.post(&share, &json!({})).await.expect(201).json();
        let token = text(&link, "share_token");
        assert_eq!(link["token"], link["share_token"]);
        assert_eq!(link["url"], format!("{}/share/{token}", server.address()));
        let again = alice
            .send(alice.request(reqwest::Method::POST, &share))
            .await
            .expect(200);
        assert_eq!(again.json()["token"], link["token"]);

        let public = server.client();
        let found = public.get(&format!("/share/{token}")).await.expect(200).json();
        assert_eq!(
            opened(&server, &text(&found, "url")).await.expect(200).text(),
            "public"
        );
        bob.post(&share, &json!({})).await.expect(404);
        bob.delete(&share).await.expect(404);

        alice.delete(&share).await.expect(204);
        public.get(&format!("/share/{token}")).await.expect(404);
        opened(&server, &text(&found, "url")).await.expect(403);
        let none = alice.delete(&share).await.expect(404);
        assert_eq!(none.json(), json!({"detail": "There is no such link"}));
        let fresh = alice.post(&share, &json!({})).await.expect(201).json();
        assert_ne!(fresh["token"], link["token"]);
    })
    .await;
}

#[tokio::test]
async fn a_link_with_limits_is_not_the_one_that_is_shared() {
    on_a_server(async |_, alice, _| {
        let stored = post_form(&alice, "/files/upload", file("a.txt", "a"))
            .await
            .expect(201)
            .json();
        let id = text(&stored, "id");
        let limited = json!({"node_id": id, "max_downloads": 1});
        let limited = alice.post("/api/v1/links", &limited).await.expect(201).json();

        let link = alice
            .post(&format!("/files/{id}/share"), &json!({}))
            .await
            .expect(201)
            .json();
        assert_ne!(link["token"], limited["token"]);
        alice.delete(&format!("/files/{id}/share")).await.expect(204);
        let links = alice
            .get(&format!("/api/v1/nodes/{id}/links"))
            .await
            .expect(200)
            .json();
        assert_eq!(links["links"].as_array().unwrap().len(), 1);
    })
    .await;
}
