//! Several calls in one request: `multipart/mixed` with a request in each part.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt as _;

use super::Drive;
use super::answer::Fail;
use super::call::Call;

/// Calls in one request.
const MOST_CALLS: usize = 100;
const MARK: &str = "batch_of_the_fake";

struct Part {
    content_id: Option<String>,
    request: Request<Body>,
}

impl Drive {
    /// `POST /batch/drive/v3`.
    pub(super) async fn batch(&self, mut call: Call) -> Result<Response, Fail> {
        let authorization = call.headers.get(header::AUTHORIZATION).cloned();
        let host = call.headers.get(header::HOST).cloned();
        let wrong = || Fail::new(400, "badContent", "Failed to parse batch request.");
        let boundary = call
            .header("content-type")
            .and_then(|text| text.split_once("boundary="));
        let boundary = boundary
            .map(|(_, rest)| rest.trim_matches('"').to_owned())
            .ok_or_else(wrong)?;
        let body = call.whole_body().await?;
        let text = std::str::from_utf8(&body)
            .map_err(|_| wrong())?
            .replace("\r\n", "\n");
        let parts: Vec<&str> = text.split(&format!("--{boundary}")).collect();
        let [_, calls @ .., end] = &parts[..] else {
            return Err(wrong());
        };
        if !end.starts_with("--") {
            return Err(wrong());
        }
        if calls.len() > MOST_CALLS {
            self.core.record.violation("more than 100 calls in one batch");
            return Err(Fail::new(
                400,
                "badRequest",
                "The batch request has too many calls.",
            ));
        }
        let mut answer = String::new();
        for text in calls {
            let mut part = read_part(text.trim_start()).ok_or_else(wrong)?;
            let headers = part.request.headers_mut();
            for (name, value) in [(header::AUTHORIZATION, &authorization), (header::HOST, &host)] {
                if let Some(value) = value
                    && !headers.contains_key(&name)
                {
                    headers.insert(name, value.clone());
                }
            }
            let path = part.request.uri().path().to_owned();
            let response = if path.starts_with("/upload/") || path.starts_with("/batch/") {
                self.core.record.violation("an upload inside of a batch");
                wrong().response()
            } else {
                Box::pin(self.answer(part.request)).await
            };
            answer.push_str(&write_part(part.content_id.as_deref(), response).await);
        }
        answer.push_str(&format!("--{MARK}--\r\n"));
        let mut response = Response::new(Body::from(answer));
        let kind = format!("multipart/mixed; boundary={MARK}");
        let kind = HeaderValue::from_str(&kind).map_err(|_| wrong())?;
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        Ok(response)
    }
}

fn read_part(text: &str) -> Option<Part> {
    let (head, rest) = text.split_once("\n\n")?;
    // A long line goes on after a line that begins with a space (RFC 5322 2.2.3).
    let head = head.replace("\n ", " ");
    let content_id = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-id")
            .then(|| value.trim().to_owned())
    });
    let (head, body) = rest.split_once("\n\n").unwrap_or((rest.trim_end(), ""));
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, address) = (first.next()?, first.next()?);
    let mut request = Request::builder().method(method).uri(address);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        request = request.header(name.trim(), value.trim());
    }
    let body = Bytes::copy_from_slice(body.trim_end().as_bytes());
    Some(Part {
        content_id,
        request: request.body(Body::from(body)).ok()?,
    })
}

async fn write_part(content_id: Option<&str>, response: Response) -> String {
    let (head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let mut text = format!("--{MARK}\r\nContent-Type: application/http\r\n");
    if let Some(id) = content_id {
        let id = id.strip_prefix('<').unwrap_or(id);
        text.push_str(&format!("Content-ID: <response-{id}\r\n"));
    }
    text.push_str(&format!("\r\nHTTP/1.1 {}\r\n", head.status));
    for (name, value) in &head.headers {
        text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    text.push_str(&String::from_utf8_lossy(&body));
    text.push_str("\r\n");
    text
}
