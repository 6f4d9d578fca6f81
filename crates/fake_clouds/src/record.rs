//! What clients did: every request, and every wrong.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use http::{HeaderMap, request};
use serde::Serialize;

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// The query, still encoded; empty without one.
    pub query: String,
    /// The headers, names in lower case. Of `authorization` only its kind in lower case, such as `bearer`.
    pub headers: BTreeMap<String, String>,
    /// How much of the body was read.
    pub body_bytes: u64,
    /// How much of the answer's body was handed to the client's connection.
    pub answer_bytes: u64,
    /// When it came, on the fake's clock.
    pub at_ms: i64,
    /// The status of the answer, 0 if there was none.
    pub status: u16,
}

impl Seen {
    /// The request's head, before it is answered.
    #[must_use]
    pub(crate) fn of(head: &request::Parts, at_ms: i64) -> Self {
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: shown(&head.headers),
            body_bytes: 0,
            answer_bytes: 0,
            at_ms,
            status: 0,
        }
    }
}

fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    let show = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let text = if name == http::header::AUTHORIZATION {
            text.split(' ').next().unwrap_or_default().to_lowercase()
        } else {
            text
        };
        (name.as_str().to_owned(), text)
    };
    headers.iter().map(show).collect()
}

/// What all requests come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Sums {
    /// How many there were.
    pub requests: u64,
    /// The lengths of their bodies.
    pub body_bytes: u64,
    /// The lengths of the bodies of their answers.
    pub answer_bytes: u64,
}

/// Everything that was seen. Cheap to clone; all clones are one record.
#[derive(Debug, Clone, Default)]
pub struct Record(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    requests: Vec<Seen>,
    violations: Vec<String>,
    /// Until when an account was told to stay away.
    paused_until_ms: HashMap<String, i64>,
}

impl Record {
    /// Every request in the order in which they came, but none to `/_fake/`.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.book().requests.clone()
    }

    /// What they come to.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let add = |sums: Sums, seen: &Seen| Sums {
            requests: sums.requests + 1,
            body_bytes: sums.body_bytes + seen.body_bytes,
            answer_bytes: sums.answer_bytes + seen.answer_bytes,
        };
        self.book().requests.iter().fold(Sums::default(), add)
    }

    /// What no honest client does, in sentences.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.book().violations.clone()
    }

    /// Writes down what no honest client does.
    pub fn violation(&self, text: impl Into<String>) {
        self.book().violations.push(text.into());
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.book() = Book::default();
    }

    /// Writes a request down and returns its number.
    pub(crate) fn begin(&self, seen: Seen) -> usize {
        let mut book = self.book();
        book.requests.push(seen);
        book.requests.len() - 1
    }

    /// Writes down what became of a request.
    pub(crate) fn end(&self, number: usize, status: u16, body_bytes: u64) {
        // It may be forgotten by now.
        if let Some(seen) = self.book().requests.get_mut(number) {
            seen.status = status;
            seen.body_bytes = body_bytes;
        }
    }

    /// Writes down that so much more of an answer went out.
    pub(crate) fn answered(&self, number: usize, bytes: u64) {
        if let Some(seen) = self.book().requests.get_mut(number) {
            seen.answer_bytes += bytes;
        }
    }

    /// The account was told to stay away until then.
    pub(crate) fn pause(&self, account: &str, until_ms: i64) {
        let mut book = self.book();
        let until = book.paused_until_ms.entry(account.to_owned()).or_default();
        *until = until_ms.max(*until);
    }

    /// Whether the account was told to stay away at this time.
    pub(crate) fn is_paused(&self, account: &str, now_ms: i64) -> bool {
        let book = self.book();
        book.paused_until_ms
            .get(account)
            .is_some_and(|until| now_ms < *until)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().expect("nobody panics while holding it")
    }
}
