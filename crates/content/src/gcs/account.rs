//! Service accounts: who we are, and the key by which we prove it.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Millis;
use serde::Deserialize;
use serde_json::json;

/// What a token is asked for: objects, and nothing about the bucket or other services.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// How long the proof by which a token is asked for holds, seconds.
const PROOF_SECS: i64 = 3600;

/// A service account.
pub(super) struct Account {
    /// Its address, by which it is known.
    pub(super) email: String,
    /// Where tokens are given out.
    pub(super) token_uri: String,
    key_id: Option<String>,
    key: KeyPair,
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    token_uri: Option<String>,
}

impl Account {
    /// Reads the JSON that Google's console gives out for a service account's key.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, without its secrets.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let file: KeyFile = serde_json::from_str(text)
            .map_err(|_| "the credentials are not the JSON of a service account's key".to_owned())?;
        if file.kind.is_some_and(|kind| kind != "service_account") {
            return Err("the credentials are not of a service account; make a key of one".to_owned());
        }
        let email = file
            .client_email
            .ok_or("the credentials have no `client_email`")?;
        let key = file.private_key.ok_or("the credentials have no `private_key`")?;
        let token_uri = file
            .token_uri
            .unwrap_or_else(|| "https://oauth2.googleapis.com/token".to_owned());
        let is_address = reqwest::Url::parse(&token_uri)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty());
        if !is_address {
            return Err("the `token_uri` of the credentials is not an address".to_owned());
        }
        Ok(Self {
            key: private_key(&key).ok_or("the `private_key` of the credentials is not an RSA key")?,
            key_id: file.private_key_id,
            email,
            token_uri,
        })
    }

    /// Signs as `RS256` and `GOOG4-RSA-SHA256` do.
    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature)
            .expect("a key that was read signs whatever its length allows, and all allow a SHA-256");
        signature
    }

    /// The proof by which a token is asked for (RFC 7523).
    pub(super) fn proof(&self, now: Millis) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id});
        let now_secs = now.0.div_euclid(1000);
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now_secs,
            "exp": now_secs + PROOF_SECS,
        });
        let text = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = URL_SAFE_NO_PAD.encode(self.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// Reads a key in PEM, in either of the forms that RSA keys come in.
fn private_key(pem: &str) -> Option<KeyPair> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).ok()?;
    match kind {
        "PRIVATE KEY" => KeyPair::from_pkcs8(&der).ok(),
        "RSA PRIVATE KEY" => KeyPair::from_der(&der).ok(),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    /// The JSON of a key that was made a moment ago.
    pub(crate) fn key_file(pair: &KeyPair, token_uri: &str) -> Value {
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("a key can be written");
        let body = STANDARD.encode(der.as_ref());
        json!({
            "type": "service_account",
            "client_email": "tests@project.iam.gserviceaccount.com",
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
            "private_key_id": "1234",
            "token_uri": token_uri,
        })
    }

    #[test]
    fn a_proof_says_who_asks_whom_for_what_and_is_signed() {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let file = key_file(&pair, "https://tokens.example/token");
        let account = Account::parse(&file.to_string()).expect("an account");

        let proof = account.proof(Millis(1_600_000_000_500));

        let parts: Vec<&str> = proof.split('.').collect();
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("Base64");
        let claims: Value = serde_json::from_slice(&decoded(parts[1])).expect("JSON");
        assert_eq!(
            claims,
            json!({
                "iss": "tests@project.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/devstorage.read_write",
                "aud": "https://tokens.example/token",
                "iat": 1_600_000_000,
                "exp": 1_600_003_600,
            })
        );
        let header: Value = serde_json::from_slice(&decoded(parts[0])).expect("JSON");
        assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "1234"}));
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
        let text = format!("{}.{}", parts[0], parts[1]);
        public
            .verify(text.as_bytes(), &decoded(parts[2]))
            .expect("signed");
    }

    #[test]
    fn wrong_credentials_are_told_without_their_secrets() {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let with = |name: &str, value: Value| {
            let mut file = key_file(&pair, "https://tokens.example/token");
            file[name] = value;
            file.to_string()
        };
        let pem = with("type", Value::Null);
        assert!(Account::parse(&pem).is_ok(), "old files have no type");
        for (text, reason) in [
            ("geheim".to_owned(), "not the JSON"),
            (with("type", json!("authorized_user")), "not of a service account"),
            (with("client_email", Value::Null), "client_email"),
            (with("private_key", Value::Null), "private_key"),
            (with("private_key", json!("geheim")), "not an RSA key"),
            (
                with(
                    "private_key",
                    json!("-----BEGIN PRIVATE KEY-----\nZ2VoZWlt\n-----END PRIVATE KEY-----"),
                ),
                "not an RSA key",
            ),
            (with("token_uri", json!("geheim")), "not an address"),
        ] {
            let told = Account::parse(&text).expect_err(reason);
            assert!(told.contains(reason), "{told}");
            assert!(!told.contains("geheim") && !told.contains("Z2VoZWlt"), "{told}");
        }
        let account = Account::parse(&with("type", Value::Null)).expect("an account");
        assert!(!format!("{account:?}").contains("BEGIN"));
    }
}
