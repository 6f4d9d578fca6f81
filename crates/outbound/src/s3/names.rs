//! Names and moments as listings write them.

use model::Millis;

use crate::{Element, decoded};

/// The text of a name, which is encoded when the listing says so: spaces may be written as `+` then.
pub fn name_of(listing: &Element, name: &str) -> Option<String> {
    match listing.text_of("EncodingType") {
        Some("url") => decoded(&name.replace('+', "%20")),
        _ => Some(name.to_owned()),
    }
}

/// A moment.
pub fn time_of(text: &str) -> Millis {
    let at: Option<jiff::Timestamp> = text.trim().parse().ok();
    Millis(at.map_or(0, jiff::Timestamp::as_millisecond))
}
