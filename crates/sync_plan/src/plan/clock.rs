//! Times of changes.

use super::super::State;
use crate::fault::{self, Fault};

/// What lies outside of this is not a time at which somebody changed a file but a clock that was not set: 1970 and what
/// comes before, 2200 and what comes after. Milliseconds.
const BELIEVED: std::ops::Range<i64> = 365 * 86_400_000..7_258_118_400_000;

/// Which side changed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    Here,
    There,
    /// The clocks cannot tell.
    Unknown,
}

/// Compares the times of two states, which count as the same when they are not more than `skew_ms` apart.
pub(super) fn later(here: &State, there: &State, skew_ms: i64) -> Later {
    let (here, there) = (here.changed.0, there.changed.0);
    let is_believed = |time| BELIEVED.contains(time) || fault::is(Fault::BelieveEpoch);
    if !is_believed(&here) || !is_believed(&there) {
        return Later::Unknown;
    }
    let apart = here.saturating_sub(there);
    let skew_ms = if fault::is(Fault::NoSkew) {
        0
    } else {
        skew_ms.max(0)
    };
    let is_ours = if fault::is(Fault::EarlierWins) {
        apart < 0
    } else {
        apart > 0
    };
    match apart.saturating_abs() {
        distance if distance <= skew_ms => Later::Unknown,
        _ if is_ours => Later::Here,
        _ => Later::There,
    }
}

/// The day of a time in UTC, as `2026-11-21`; nothing for a clock that was not set.
pub(super) fn day(ms: i64) -> Option<String> {
    if !BELIEVED.contains(&ms) {
        return None;
    }
    // Counts from 1 March of the year 0, so that leap days end years.
    let days = ms.div_euclid(86_400_000) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day:02}"))
}
