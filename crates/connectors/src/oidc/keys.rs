//! The keys that a provider signs with (RFC 7517).

use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::kept::Fresh;
use super::token::Header;
use super::{OidcError, TENANT, fetch};

/// More keys than any provider has at a time.
const MOST: usize = 100;

/// A provider's keys.
pub(super) struct KeyRing(Vec<Key>);

struct Key {
    name: Option<String>,
    algorithms: Vec<Algorithm>,
    /// The one issuer that signs with it, where the provider speaks for several.
    issuer: Option<String>,
    key: Arc<DecodingKey>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Asks the provider.
pub(super) async fn fetch(http: &reqwest::Client, url: &str) -> Result<Fresh<KeyRing>, OidcError> {
    let reply = fetch::send(http.get(url)).await?;
    let document: Document = reply.good_json("set of keys")?;
    // One key that we do not know how to read does not spoil the others.
    let keys = document.keys.into_iter().take(MOST).filter_map(key);
    Ok(Fresh {
        value: KeyRing(keys.collect()),
        max_age_secs: reply.max_age_secs,
    })
}

fn key(value: Value) -> Option<Key> {
    let issuer = value.get("issuer").and_then(Value::as_str);
    // That of no tenant in particular is that of all.
    let issuer = issuer
        .filter(|issuer| !issuer.contains(TENANT))
        .map(ToOwned::to_owned);
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let mut algorithms = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => vec![Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            vec![Algorithm::ES256]
        }
        AlgorithmParameters::OctetKeyPair(curve) if curve.curve == EllipticCurve::Ed25519 => {
            vec![Algorithm::EdDSA]
        }
        // Among them keys that both sides would have to know, which a public document cannot hold.
        _ => return None,
    };
    if let Some(own) = jwk.common.key_algorithm {
        let own = Algorithm::try_from(own).ok()?;
        algorithms.retain(|algorithm| *algorithm == own);
    }
    Some(Key {
        key: Arc::new(DecodingKey::from_jwk(&jwk).ok()?),
        name: jwk.common.key_id,
        algorithms,
        issuer,
    })
}

impl KeyRing {
    /// The key of that issuer that a token names. A token that names none is only clear when one key fits.
    pub fn find(&self, header: &Header, issuer: &str) -> Option<Arc<DecodingKey>> {
        let mut fitting = self.0.iter().filter(|key| {
            let is_named = match &header.key_name {
                Some(name) => key.name.as_ref() == Some(name),
                None => true,
            };
            let is_of_issuer = key.issuer.as_deref().is_none_or(|own| own == issuer);
            is_named && is_of_issuer && key.algorithms.contains(&header.algorithm)
        });
        let key = fitting.next()?;
        fitting.next().is_none().then(|| Arc::clone(&key.key))
    }
}
