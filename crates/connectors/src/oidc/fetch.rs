//! One question to a provider, with bounds on its answer.

use std::error::Error;

use reqwest::{RequestBuilder, StatusCode, header};
use serde::de::DeserializeOwned;

use super::OidcError;

/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// A provider's answer.
pub(super) struct Reply {
    pub status: StatusCode,
    /// How long it may be kept, if the provider says.
    pub max_age_secs: Option<u64>,
    body: Vec<u8>,
}

impl Reply {
    /// The body as JSON. `what` names it in a complaint.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, OidcError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| OidcError::Trouble(format!("answered with no {what}: {error}")))
    }

    /// The same of an answer that must be a success.
    pub fn good_json<T: DeserializeOwned>(&self, what: &str) -> Result<T, OidcError> {
        if self.status != StatusCode::OK {
            return Err(OidcError::Trouble(format!(
                "answered with status {} instead of {what}",
                self.status.as_u16()
            )));
        }
        self.json(what)
    }
}

/// Asks, and reads the whole answer: within the client's time, and within a length.
pub(super) async fn send(request: RequestBuilder) -> Result<Reply, OidcError> {
    let request = request.header(header::ACCEPT, "application/json");
    let mut response = request.send().await.map_err(|error| silent(&error))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(OidcError::Trouble("sent us to another address".to_owned()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
        if body.len() + chunk.len() > LONGEST {
            return Err(OidcError::Trouble("answered with more than 1 MiB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let max_age_secs = response
        .headers()
        .get(header::CACHE_CONTROL)
        .and_then(|control| max_age(control.to_str().ok()?));
    Ok(Reply {
        status,
        max_age_secs,
        body,
    })
}

/// The seconds that a `Cache-Control` allows (RFC 9111 section 5.2.2); `no-cache` and `no-store`
/// allow none.
fn max_age(control: &str) -> Option<u64> {
    let directives = control.split(',').map(str::trim);
    directives
        .filter_map(|directive| match directive.split_once('=') {
            None if directive.eq_ignore_ascii_case("no-store")
                || directive.eq_ignore_ascii_case("no-cache") =>
            {
                Some(0)
            }
            Some((name, secs)) if name.eq_ignore_ascii_case("max-age") => secs.trim_matches('"').parse().ok(),
            _ => None,
        })
        .min()
}

fn silent(error: &reqwest::Error) -> OidcError {
    OidcError::Trouble(if error.is_timeout() {
        "does not answer in time".to_owned()
    } else {
        format!("does not answer: {}", chain(error))
    })
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_life_that_is_allowed_counts() {
        for (control, secs) in [
            ("public, max-age=19845, must-revalidate", Some(19845)),
            ("max-age=\"60\"", Some(60)),
            ("no-cache, max-age=100", Some(0)),
            ("NO-STORE", Some(0)),
            ("max-age=", None),
            ("max-age=-1", None),
            ("private", None),
            ("", None),
        ] {
            assert_eq!(max_age(control), secs, "{control:?}");
        }
    }
}
