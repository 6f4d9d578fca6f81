//! Tokens: what a session proves itself with.
//!
//! An access token is a JWT (HS256) that lives for minutes and names its session, which is looked
//! up at every use. A refresh token and a cookie are the session's id, a number and an HMAC over
//! them: nothing of them is stored, so a stolen database opens nothing.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::{Millis, SessionId, UserId};
use serde::{Deserialize, Serialize};

use crate::keys::Keys;

/// The `typ` of our access tokens (RFC 9068 section 2.1): no other JWT passes for one.
const ACCESS_TYPE: &str = "at+jwt";
const ISSUER: &str = "cumuli";
/// How far two clocks may be apart.
const SKEW_SECS: u64 = 30;
/// No token of ours is longer; what is longer is not looked at.
const LONGEST: usize = 2048;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
    /// We never set it; who does means it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Access {
    pub user: UserId,
    pub session: SessionId,
}

/// Makes an access token for `lifetime_secs`. `instance` keeps tokens of other servers out.
pub(crate) fn access(keys: &Keys, instance: &str, access: Access, now: Millis, lifetime_secs: u32) -> String {
    let issued = now.0.div_euclid(1000);
    let claims = Claims {
        iss: ISSUER.to_owned(),
        aud: instance.to_owned(),
        sub: access.user,
        sid: access.session,
        iat: issued,
        exp: issued + i64::from(lifetime_secs),
        nbf: None,
    };
    let header = Header {
        typ: Some(ACCESS_TYPE.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(keys.access()))
        .expect("claims of ours can be written as JSON")
}

/// Checks an access token at the time `now`; `None` whatever is wrong with it.
pub(crate) fn check_access(keys: &Keys, instance: &str, token: &str, now: Millis) -> Option<Access> {
    if token.len() > LONGEST {
        return None;
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[instance]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Time is checked below, by the clock that the server was given.
    rules.validate_exp = false;
    rules.validate_nbf = false;
    let key = DecodingKey::from_secret(keys.access());
    let data = jsonwebtoken::decode::<Claims>(token, &key, &rules).ok()?;
    let skew = i64::try_from(SKEW_SECS).ok()?;
    let now_secs = now.0.div_euclid(1000);
    let claims = data.claims;
    let begins = claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat));
    let is_current = claims.exp.saturating_add(skew) > now_secs && begins.saturating_sub(skew) <= now_secs;
    let is_access = data.header.typ.as_deref() == Some(ACCESS_TYPE);
    (is_current && is_access).then_some(Access {
        user: claims.sub,
        session: claims.sid,
    })
}

/// A session's id and a number, sealed: a refresh token (the number is its generation) or a
/// cookie (the number is 0).
pub(crate) fn seal(key: &hmac::Key, session: SessionId, number: u64) -> String {
    let mut token = [0; 56];
    token[..16].copy_from_slice(session.as_bytes());
    token[16..24].copy_from_slice(&number.to_be_bytes());
    let tag = hmac::sign(key, &token[..24]);
    token[24..].copy_from_slice(tag.as_ref());
    URL_SAFE_NO_PAD.encode(token)
}

/// Opens what [`seal`] made; `None` if it was made by anyone else.
pub(crate) fn open(key: &hmac::Key, token: &str) -> Option<(SessionId, u64)> {
    if token.len() != 75 {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (body, tag) = bytes.split_at_checked(24)?;
    hmac::verify(key, body, tag).ok()?;
    let session = SessionId::from_bytes(body[..16].try_into().ok()?);
    let number = u64::from_be_bytes(body[16..24].try_into().ok()?);
    Some((session, number))
}
