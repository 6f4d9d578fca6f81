//! How Google words its answers and errors.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// An error as Google words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    status: u16,
    domain: &'static str,
    reason: String,
    message: String,
    /// The kind of place and the place that is wrong.
    location: Option<(&'static str, String)>,
}

impl Fail {
    /// An error of the domain `global`.
    pub fn new(status: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            domain: "global",
            reason: reason.to_owned(),
            message: message.into(),
            location: None,
        }
    }

    /// The same, of the domain `usageLimits`.
    pub fn of_limits(self) -> Self {
        Self {
            domain: "usageLimits",
            ..self
        }
    }

    /// The same, about this parameter.
    pub fn at(self, parameter: &str) -> Self {
        Self {
            location: Some(("parameter", parameter.to_owned())),
            ..self
        }
    }

    /// No such file, or none that the caller may see.
    pub fn not_found(id: &str) -> Self {
        Self::new(404, "notFound", format!("File not found: {id}.")).at("fileId")
    }

    /// A parameter has a value that cannot be.
    pub fn invalid(parameter: &str) -> Self {
        Self::new(400, "invalid", "Invalid Value").at(parameter)
    }

    /// Something else about the request cannot be.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "badRequest", message)
    }

    /// The token is missing, unknown or over.
    pub fn unauthorized() -> Self {
        Self {
            location: Some(("header", "Authorization".to_owned())),
            ..Self::new(401, "authError", "Invalid Credentials")
        }
    }

    /// The caller may see the file and no more.
    pub fn no_right(id: &str) -> Self {
        let message = format!("The user does not have sufficient permissions for file {id}.");
        Self::new(403, "insufficientFilePermissions", message)
    }

    /// The body.
    pub fn body(&self) -> Value {
        let mut one = json!({"message": self.message, "domain": self.domain, "reason": self.reason});
        if let Some((kind, place)) = &self.location {
            one["locationType"] = json!(kind);
            one["location"] = json!(place);
        }
        let mut error = json!({"code": self.status, "message": self.message, "errors": [one]});
        if let Some(name) = name_of(self.status) {
            error["status"] = json!(name);
        }
        json!({ "error": error })
    }

    /// The whole answer.
    pub fn response(&self) -> Response {
        let mut response = json_response(self.status, &self.body());
        if self.status == 401 {
            let challenge = HeaderValue::from_static(
                "Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"",
            );
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Google's word for a status, where the older part of its services gives one.
const fn name_of(status: u16) -> Option<&'static str> {
    match status {
        400 => Some("INVALID_ARGUMENT"),
        401 => Some("UNAUTHENTICATED"),
        403 => Some("PERMISSION_DENIED"),
        429 => Some("RESOURCE_EXHAUSTED"),
        _ => None,
    }
}

/// A status with JSON.
pub fn json_response(status: u16, body: &Value) -> Response {
    let mut text = body.to_string();
    text.push('\n');
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, max-age=0, must-revalidate"),
    );
    response
}

/// A status without a body.
pub fn empty_response(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}
