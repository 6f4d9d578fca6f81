//! Cursors: where the next page starts, sealed so that nobody steers a query with them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::HubError;
use crate::keys::Keys;

/// Bytes of the tag that a cursor carries.
const TAG: usize = 16;

/// Seals `place` for one listing: `scope` names the listing, its subject, its order and whose it is.
pub(crate) fn seal(keys: &Keys, scope: &str, place: &impl Serialize) -> String {
    let body = serde_json::to_vec(place).expect("a place in a listing can be written as JSON");
    let mut token = tag(keys, scope, &body).to_vec();
    token.extend_from_slice(&body);
    URL_SAFE_NO_PAD.encode(token)
}

/// Opens a cursor of the same listing.
///
/// # Errors
/// `Invalid` if it was changed or belongs to another listing or person.
pub(crate) fn open<T: DeserializeOwned>(keys: &Keys, scope: &str, cursor: &str) -> Result<T, HubError> {
    let wrong = || {
        HubError::invalid(
            "cursor",
            "this cursor does not belong to this list; start without one",
        )
    };
    if cursor.len() > 4096 {
        return Err(wrong());
    }
    let token = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let (given, body) = token.split_at_checked(TAG).ok_or_else(wrong)?;
    aws_lc_rs::constant_time::verify_slices_are_equal(given, &tag(keys, scope, body)).map_err(|_| wrong())?;
    serde_json::from_slice(body).map_err(|_| wrong())
}

fn tag(keys: &Keys, scope: &str, body: &[u8]) -> [u8; TAG] {
    let mut message = scope.as_bytes().to_vec();
    message.push(0);
    message.extend_from_slice(body);
    let whole = hmac::sign(keys.cursor(), &message);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&whole.as_ref()[..TAG]);
    tag
}
