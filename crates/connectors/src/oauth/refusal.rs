//! What providers say instead of giving tokens (RFC 6749 section 5.2).

use serde::Deserialize;

use super::ask::Reply;
use super::grant::By;
use super::{OAuthError, OAuthProvider};

/// The longest word of a provider that is passed on.
const LONGEST_CODE: usize = 64;
/// Microsoft's numbers for a refresh token that was not used for too long, or whose life is over.
const IDLE: [u64; 4] = [70_008, 700_082, 700_084, 50_089];
/// Microsoft's numbers for a client that is not taken.
const CLIENT: [u64; 6] = [7_000_215, 7_000_222, 7_000_218, 700_016, 7_000_112, 700_025];
/// Microsoft's numbers for what only a person can answer.
const PERSON: [u64; 6] = [65_001, 50_076, 50_078, 50_079, 53_003, 50_158];

#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_subtype: Option<String>,
    #[serde(default)]
    error_codes: Vec<u64>,
    #[serde(default)]
    error_description: Option<String>,
}

impl Refused {
    /// Microsoft's number.
    fn number(&self) -> Option<u64> {
        let told = self.error_codes.first().copied();
        told.or_else(|| {
            let digits = self.error_description.as_ref()?.strip_prefix("AADSTS")?;
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            digits[..end].parse().ok()
        })
    }

    /// The most telling word: a number, a subtype, the error itself.
    fn code(&self) -> String {
        match (self.number(), &self.error_subtype) {
            (Some(number), _) => format!("AADSTS{number}"),
            (None, Some(subtype)) => word(subtype),
            (None, None) => word(&self.error),
        }
    }
}

/// What it means that there are no tokens.
pub(super) fn of_reply(provider: OAuthProvider, reply: &Reply, by: By) -> OAuthError {
    let status = reply.status;
    let unsaid = || OAuthError::Unavailable(format!("it answers with status {status}"));
    if matches!(status, 408 | 429 | 500..) {
        return unsaid();
    }
    let Ok(refused) = serde_json::from_slice::<Refused>(&reply.body) else {
        return unsaid();
    };
    let code = refused.code();
    let number = refused.number().unwrap_or(0);
    if CLIENT.contains(&number) {
        return OAuthError::BadClient { code };
    }
    if PERSON.contains(&number) {
        return OAuthError::Denied { code };
    }
    if let Some(reason) = misfit(number) {
        return OAuthError::Misfit(reason.to_owned());
    }
    match refused.error.as_str() {
        "invalid_grant" if by == By::Code => OAuthError::Code { code },
        "invalid_grant" => OAuthError::Ended {
            is_idle: IDLE.contains(&number),
            // Only the plain refusal: a subtype names another cause.
            may_be_testing: provider == OAuthProvider::Google && refused.error_subtype.is_none(),
            code,
        },
        "invalid_client" | "unauthorized_client" => OAuthError::BadClient { code },
        "interaction_required" | "consent_required" | "login_required" | "access_denied" => {
            OAuthError::Denied { code }
        }
        "temporarily_unavailable" | "server_error" => OAuthError::Unavailable(format!("it says {code}")),
        "redirect_uri_mismatch" => OAuthError::Misfit(
            "the address that the provider sends browsers back to is not registered there".to_owned(),
        ),
        _ => OAuthError::Misfit(format!(
            "the provider does not take what this server asks ({code})"
        )),
    }
}

/// What an operator can do about a number of Microsoft's.
const fn misfit(number: u64) -> Option<&'static str> {
    match number {
        50_011 => {
            Some("the address that Microsoft sends browsers back to is not registered there (AADSTS50011)")
        }
        50_194 => Some(
            "the app is for one tenant only: the addresses must name it instead of `common` (AADSTS50194)",
        ),
        90_002 => Some("there is no tenant of the name in the addresses (AADSTS90002)"),
        9_002_325..=9_002_327 => Some(
            "the address that browsers come back to must be registered for the platform Web (AADSTS9002326)",
        ),
        70_011 => Some("Microsoft does not know what is asked for (AADSTS70011): look at the scopes"),
        _ => None,
    }
}

/// What it means that the browser came back without a code.
pub(super) fn of_callback(error: &str) -> OAuthError {
    let code = word(error);
    match error {
        "server_error" | "temporarily_unavailable" => OAuthError::Unavailable(format!("it says {code}")),
        "unauthorized_client" => OAuthError::BadClient { code },
        "invalid_request" | "unsupported_response_type" | "invalid_scope" => OAuthError::Misfit(format!(
            "the provider does not take what this server asks ({code})"
        )),
        _ => OAuthError::Denied { code },
    }
}

/// A provider's word with nothing in it but what words are made of.
fn word(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let word: String = text.chars().filter(is_plain).take(LONGEST_CODE).collect();
    if word.is_empty() {
        "unknown".to_owned()
    } else {
        word
    }
}
