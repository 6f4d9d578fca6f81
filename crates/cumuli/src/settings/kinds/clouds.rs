//! What linked clouds need: whose accounts, until when, and where to.

use std::path::{Component, PathBuf};

use hub::Reach;
use model::Millis;

use super::{Kind, quoted, urls};

/// Letters of the longest domain (RFC 1035 section 2.3.4).
const MOST_LETTERS: usize = 253;

/// Whose Microsoft accounts: a word, or the id or a domain of an organization.
pub const TENANT: Kind<String> = Kind::shown("text", |text| {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let is_good = text.len() <= MOST_LETTERS && text.bytes().all(is_letter) && !text.starts_with('.');
    match is_good {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!(
            "{} is neither the id nor a domain of an organization",
            quoted(text)
        )),
    }
});
/// A day; the moment is its first in UTC.
pub const DATE: Kind<Millis> = Kind::shown("date such as `2027-06-30`", |text| {
    let day: jiff::civil::Date = text
        .parse()
        .map_err(|_| format!("{} is not a date such as 2027-06-30", quoted(text)))?;
    let start = day
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_err(|_| format!("{} is too far away", quoted(text)))?;
    Ok(Millis(start.timestamp().as_millisecond()))
});
/// What may be reached besides the public internet.
pub const REACH: Kind<Reach> = Kind::shown("list of networks and hosts", Reach::public);
/// Folders by their whole paths. One that is not there now may be a disk that is not mounted.
pub const FOLDERS: Kind<Vec<PathBuf>> = Kind::shown("list of paths that begin with `/`", |text| {
    let folder = |item: &str| {
        let path = PathBuf::from(item);
        let climbs = path.components().any(|part| part == Component::ParentDir);
        match path.is_absolute() && !climbs {
            true => Ok(path),
            false => Err(format!("{} is not a whole path that begins with /", quoted(item))),
        }
    };
    urls::items(text).map(folder).collect()
});
