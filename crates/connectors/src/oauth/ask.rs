//! One question to a token endpoint, with bounds on its answer and few tries.

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use reqwest::header;

use super::{OAuth, OAuthError, PAUSE};

/// The longest answer that is read.
const LONGEST: usize = 1 << 18;
/// How often it is asked in all.
const TRIES: u32 = 3;

/// Which questions may be asked again when there is no good answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Asking twice is as good as once.
    Always,
    /// A code is good for one answer: only what never arrived is sent again.
    IfNotSent,
}

/// A provider's answer.
pub(super) struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Asks until there is an answer that is no sign of trouble.
pub(super) async fn post(
    oauth: &OAuth,
    url: &str,
    form: &[(&str, &str)],
    again: Again,
) -> Result<Reply, OAuthError> {
    let mut pause = oauth.0.options.pause.unwrap_or(PAUSE);
    for tried in 1.. {
        let outcome = once(&oauth.0.http, url, form).await;
        let may_again = match &outcome {
            Ok(reply) => again == Again::Always && is_trouble(reply.status),
            Err((_, was_sent)) => again == Again::Always || !was_sent,
        };
        if tried == TRIES || !may_again {
            return outcome.map_err(|(error, _)| error);
        }
        tokio::time::sleep(jittered(pause)).await;
        pause *= 4;
    }
    unreachable!("the last try returns")
}

const fn is_trouble(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

/// Between half and all of it, so that many who failed together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let spread = RandomState::new().build_hasher().finish() % 1000;
    pause.mul_f64(0.5 + spread as f64 / 2000.0)
}

/// The error tells whether the provider may have got the question.
async fn once(http: &reqwest::Client, url: &str, form: &[(&str, &str)]) -> Result<Reply, (OAuthError, bool)> {
    let request = http
        .post(url)
        .header(header::ACCEPT, "application/json")
        .form(form);
    let mut response = request.send().await.map_err(|error| silent(&error))?;
    let status = response.status();
    let strange = |what: &str| (OAuthError::Unavailable(what.to_owned()), true);
    if status.is_redirection() {
        return Err(strange("it sent us to another address"));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| silent(&error))? {
        if body.len() + chunk.len() > LONGEST {
            return Err(strange("its answer is longer than it can be"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply {
        status: status.as_u16(),
        body,
    })
}

fn silent(error: &reqwest::Error) -> (OAuthError, bool) {
    let told = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        chain(error)
    };
    (OAuthError::Unavailable(told), !error.is_connect())
}

/// The last cause of an error. Those before it may name the address.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
