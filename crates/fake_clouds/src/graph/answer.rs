//! What the fake answers with, and how Graph words a refusal.

use bytes::Bytes;
use serde_json::{Value, json};

/// An answer before it becomes one of HTTP.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// An answer without a body.
    pub(crate) const fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let mut reply = Self::empty(status);
        reply.body = body.to_string().into();
        reply.with(
            "content-type",
            "application/json; odata.metadata=minimal; charset=utf-8",
        )
    }

    /// The same with one header more.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A refusal, which becomes Graph's envelope.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// The more specific code, which the service hides in `innerError`.
    pub(crate) inner: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Trouble {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            inner: None,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    pub(crate) const fn inner(mut self, code: &'static str) -> Self {
        self.inner = Some(code);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Nothing is there.
    pub(crate) fn not_found() -> Self {
        Self::new(404, "itemNotFound", "The resource could not be found.")
    }

    /// The name is taken.
    pub(crate) fn name_taken() -> Self {
        Self::new(
            409,
            "nameAlreadyExists",
            "An item with the same name already exists under the parent",
        )
    }

    /// The request makes no sense.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalidRequest", message)
    }

    /// A condition of the request does not hold.
    pub(crate) fn precondition() -> Self {
        Self::new(
            412,
            "resourceModified",
            "ETag does not match current item's value",
        )
        .inner("entityTagDoesNotMatch")
    }

    /// There is no room.
    pub(crate) fn no_room() -> Self {
        Self::new(507, "quotaLimitReached", "Insufficient space available.").inner("insufficientStorage")
    }

    /// The envelope, for the moment `now_ms`.
    pub(crate) fn reply(self, now_ms: i64) -> Reply {
        let mut reply = Reply::json(self.status, &self.body(now_ms));
        reply.headers.extend(self.headers);
        reply
    }

    /// What stands in the envelope.
    pub(crate) fn body(&self, now_ms: i64) -> Value {
        let mut inner = json!({
            "date": super::render::time(now_ms),
            "request-id": "00000000-feed-4bad-8bad-000000000000",
            "client-request-id": "00000000-feed-4bad-8bad-000000000000",
        });
        if let Some(code) = self.inner {
            inner["code"] = code.into();
        }
        json!({ "error": { "code": self.code, "message": self.message, "innerError": inner } })
    }
}
