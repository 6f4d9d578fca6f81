//! How Google Cloud Storage wants its requests, and what its refusals mean.

use async_trait::async_trait;
use outbound::{Call, Dialect, Reason, Refusal};
use serde::Deserialize;

use super::tokens::Tokens;

/// The word for a bucket that is not there, which the service tells from a missing object in prose only.
pub(super) const NO_BUCKET: &str = "bucketNotFound";
/// The word for a token that was refused and of which another may be better.
const STALE_TOKEN: &str = "staleToken";

pub(super) struct GcsDialect {
    /// `None` for what asks nobody who they are.
    pub(super) tokens: Option<Tokens>,
}

#[derive(Deserialize)]
struct Outer {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    errors: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    reason: String,
}

#[async_trait]
impl Dialect for GcsDialect {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        if let Some(tokens) = &self.tokens {
            let bearer = tokens.bearer().await?;
            call.set_header("authorization", &format!("Bearer {bearer}"));
        }
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        if refusal.status == 401 && self.tokens.as_ref().is_some_and(Tokens::refused) {
            return Some(STALE_TOKEN.to_owned());
        }
        // Said in JSON, or in plain text to who asked for an object's bytes.
        if refusal.status == 404 && String::from_utf8_lossy(&refusal.body).contains("bucket does not exist") {
            return Some(NO_BUCKET.to_owned());
        }
        let error = serde_json::from_slice::<Outer>(&refusal.body).ok()?.error;
        error.errors.into_iter().next().map(|item| item.reason)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(
            code,
            "rateLimitExceeded" | "userRateLimitExceeded" | "backendError" | "internalError" | STALE_TOKEN
        )
    }

    fn is_full(&self, _: &str) -> bool {
        false
    }

    fn help(&self, refusal: &Refusal) -> Option<String> {
        let help = match (refusal.code.as_str(), refusal.status) {
            (NO_BUCKET, _) => "there is no such bucket; make it, or correct its name",
            ("invalidBucketName", _) => "the bucket's name cannot be one",
            ("required" | "authError" | STALE_TOKEN, _) | (_, 401) => match self.tokens {
                Some(_) => "Google does not take the service account's access token",
                None => "the bucket is not open to everybody; give the credentials of a service account",
            },
            ("accountDisabled" | "projectAccountClosed" | "UserProjectAccountProblem", _) => {
                "billing is disabled for the bucket's project"
            }
            ("retentionPolicyNotMet" | "objectUnderActiveHold", _) => {
                "a policy of the bucket keeps objects from being changed or removed"
            }
            (_, 403) => {
                "the service account may not do this; give it the role `Storage Object User` on the bucket"
            }
            _ => return None,
        };
        Some(help.to_owned())
    }
}
