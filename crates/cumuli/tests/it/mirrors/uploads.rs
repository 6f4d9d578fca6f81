//! Uploads that ask for a copy at Google Drive, through the real program and the fake of Google.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::{Client, Engine, until};
use crate::linked::{Browser, Clouds, PEOPLE};

async fn upload(who: &Client, name: &str, text: &str, more: &[(&'static str, &str)]) -> (u16, Value) {
    let file = Part::bytes(text.as_bytes().to_vec()).file_name(name.to_owned());
    let mut form = Form::new().text("sync_google", "true");
    for (name, value) in more {
        form = form.text(*name, (*value).to_owned());
    }
    let request = who.request(reqwest::Method::POST, "/api/v1/upload");
    let answer = who.send(request.multipart(form.part("file", file))).await;
    (answer.status, answer.json())
}

/// Waits for the end of a job.
async fn ended(who: &Client, job: &Value) -> Value {
    let path = format!("/api/v1/status/{}", job.as_str().unwrap());
    until(async || {
        let job = who.get(&path).await.expect(200).json();
        let percent = job["progress_percentage"].as_u64().unwrap();
        assert!(percent <= 100);
        job["status"] == "completed" || job["status"] == "failed"
    })
    .await;
    who.get(&path).await.expect(200).json()
}

#[tokio::test]
async fn an_upload_is_copied_to_the_drive_and_its_job_says_when() {
    for engine in Engine::all() {
        let clouds = Clouds::start().await;
        let server = clouds.server(engine).await;
        let ada = server.user("ada@example.org").await;
        let (status, refused) = upload(&ada, "a.txt", "x", &[]).await;
        assert_eq!(status, 409);
        assert!(
            refused["detail"].as_str().unwrap().contains("Link your drive"),
            "{refused}"
        );
        let account = clouds.google.account(PEOPLE[0]);
        let id = ada.get("/api/v1/me").await.expect(200).json()["user_id"].clone();
        let start = format!(
            "{}/auth/google/start?user_id={}",
            server.address(),
            id.as_str().unwrap()
        );
        assert_eq!(Browser::new(&server).go(&start, Some(ada.token())).await.0, 200);

        // A folder for it is made on both sides.
        let (status, stored) = upload(&ada, "paper.txt", "first text", &[]).await;
        assert_eq!((status, &stored["status"]), (201, &json!("pending")), "{stored}");
        let job = ended(&ada, &stored["job_id"]).await;
        assert_eq!(
            (&job["status"], &job["progress_percentage"], &job["error_message"]),
            (&json!("completed"), &json!(100), &Value::Null),
            "{job}"
        );
        let there = account.id("Cumuli/paper.txt").expect("it is in the drive");
        let content = |id: &str| account.entry(id).unwrap().bytes.clone().unwrap();
        assert_eq!(&content(&there)[..], b"first text");
        ada.get("/api/v1/resolve?path=/Cumuli/paper.txt")
            .await
            .expect(200);
        let mirrors = ada.get("/api/v1/mirrors").await.expect(200).json();
        assert_eq!(mirrors["mirrors"].as_array().unwrap().len(), 1);
        assert_eq!(mirrors["mirrors"][0]["direction"], "push");

        // Once more under the same name: a new version, here and there.
        let (_, again) = upload(&ada, "paper.txt", "second", &[]).await;
        assert_eq!(ended(&ada, &again["job_id"]).await["status"], "completed");
        assert_eq!(account.id("Cumuli/paper.txt").unwrap(), there);
        assert_eq!(&content(&there)[..], b"second");

        // Stored elsewhere, a copy here is what goes there.
        let (_, elsewhere) = upload(&ada, "x", "elsewhere", &[("path", "Other/deep/note.txt")]).await;
        assert_eq!(ended(&ada, &elsewhere["job_id"]).await["status"], "completed");
        ada.get("/api/v1/resolve?path=/Other/deep/note.txt")
            .await
            .expect(200);
        assert_eq!(
            &content(&account.id("Cumuli/note.txt").unwrap())[..],
            b"elsewhere"
        );

        // What hinders it is told.
        let mirror = mirrors["mirrors"][0]["id"].as_str().unwrap();
        let at = |word: &str| format!("/api/v1/mirrors/{mirror}/{word}");
        ada.post(&at("pause"), &json!({})).await.expect(200);
        let (_, late) = upload(&ada, "late.txt", "late", &[]).await;
        let job = ended(&ada, &late["job_id"]).await;
        assert_eq!(job["status"], "failed");
        assert!(job["error_message"].as_str().unwrap().contains("paused"), "{job}");
        ada.post(&at("resume"), &json!({})).await.expect(200);
        let retry = format!("/api/v1/jobs/{}/retry", late["job_id"].as_str().unwrap());
        ada.post(&retry, &json!({})).await.expect(200);
        assert_eq!(ended(&ada, &late["job_id"]).await["status"], "completed");
        let rules = json!({"rules": [{"pattern": "*.part", "policy": "exclude"}]});
        ada.patch(&format!("/api/v1/mirrors/{mirror}"), &rules)
            .await
            .expect(200);
        let (_, left_out) = upload(&ada, "film.part", "half", &[]).await;
        let job = ended(&ada, &left_out["job_id"]).await;
        assert_eq!(job["status"], "failed");
        assert!(job["error_message"].as_str().unwrap().contains("*.part"), "{job}");
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    }
}
