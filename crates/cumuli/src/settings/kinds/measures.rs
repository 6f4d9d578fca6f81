//! Numbers, sizes and spans of time.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Kind, one_of, quoted};

/// A size in bytes, at least one.
pub const BYTES: Kind<u64> = Kind::shown("size", |text| size(text, 1..=MOST_BYTES));
/// A size in bytes, or `none`.
pub const BYTES_OR_NONE: Kind<Option<u64>> = Kind::shown("size or `none`", |text| {
    if is_never(text) {
        return Ok(None);
    }
    size(text, 0..=MOST_BYTES).map(Some)
});
/// A size in bytes, perhaps none at all.
pub const QUOTA: Kind<u64> = Kind::shown("size", |text| size(text, 0..=MOST_BYTES));
/// A size in bytes that a row of the database may hold.
pub const INLINE: Kind<usize> = Kind::shown("size up to `1MiB`", |text| {
    let bytes = size(text, 0..=1 << 20)?;
    usize::try_from(bytes).map_err(|_| format!("{} is too much", quoted(text)))
});
/// A span of time.
pub const DURATION: Kind<Duration> = Kind::shown("duration", |text| span(text, ONE_SECOND..=LONGEST));
/// A span of time, or `forever`.
pub const DURATION_OR_FOREVER: Kind<Option<Duration>> = Kind::shown("duration or `forever`", |text| {
    if is_never(text) {
        return Ok(None);
    }
    span(text, ONE_SECOND..=LONGEST).map(Some)
});
/// How long a shutdown waits.
pub const DRAIN: Kind<Duration> = Kind::shown("duration up to `1h`", |text| {
    span(text, Duration::ZERO..=Duration::from_secs(3600))
});
/// How long a sign-in lasts.
pub const SESSION_SPAN: Kind<Duration> = Kind::shown("duration from `1m` to `366d`", |text| {
    span(
        text,
        Duration::from_secs(60)..=Duration::from_secs(366 * DAY_SECS),
    )
});
/// How long a signed address holds. Object stores sign none for longer than a week.
pub const SIGNED_SPAN: Kind<Duration> = Kind::shown("duration from `10s` to `7d`", |text| {
    span(text, Duration::from_secs(10)..=Duration::from_secs(7 * DAY_SECS))
});
/// Minutes, 1 to 1440.
pub const MINUTES: Kind<u32> = Kind::shown("count, 1 to 1440", |text| count(text, 1..=1440));
/// How many of something, any number.
pub const COUNT: Kind<u32> = Kind::shown("count", |text| count(text, 0..=1_000_000));
/// How many connections.
pub const CONNECTIONS: Kind<u32> = Kind::shown("count, at least 1", |text| count(text, 1..=1_000_000));
/// How many workers.
pub const WORKERS: Kind<u32> = Kind::shown("count, 0 to 64", |text| count(text, 0..=64));
/// A TCP port.
pub const PORT: Kind<u16> = Kind::shown("port", |text| {
    let port = count(text, 1..=u32::from(u16::MAX))?;
    u16::try_from(port).map_err(|_| format!("{} is not a port", quoted(text)))
});
/// Yes or no.
pub const BOOL: Kind<bool> = Kind::shown("`true` or `false`", |text| {
    one_of(
        text,
        &[
            ("true", true),
            ("false", false),
            ("yes", true),
            ("no", false),
            ("on", true),
            ("off", false),
            ("1", true),
            ("0", false),
        ],
    )
});

/// Sizes are stored as signed 64-bit integers.
const MOST_BYTES: u64 = i64::MAX as u64;
const DAY_SECS: u64 = 24 * 3600;
const ONE_SECOND: Duration = Duration::from_secs(1);
/// A hundred years: longer is a slip, and would overflow some clock.
const LONGEST: Duration = Duration::from_secs(100 * 366 * DAY_SECS);

fn is_never(text: &str) -> bool {
    ["forever", "never", "none", "off", "unlimited"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

fn count(text: &str, range: RangeInclusive<u32>) -> Result<u32, String> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(number) if is_number && range.contains(&number) => Ok(number),
        _ if is_number => Err(format!(
            "{} is not within {} to {}",
            quoted(text),
            range.start(),
            range.end()
        )),
        _ => Err(format!("{} is not a whole number", quoted(text))),
    }
}

/// Splits `12 MiB` into `12` and `MiB`.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

fn size(text: &str, range: RangeInclusive<u64>) -> Result<u64, String> {
    let not_a_size = || format!("{} is not a size", quoted(text));
    let (number, unit) = number_and_unit(text).ok_or_else(not_a_size)?;
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000 * 1000,
        "gb" => 1000 * 1000 * 1000,
        "tb" => 1000 * 1000 * 1000 * 1000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(not_a_size()),
    };
    match number.checked_mul(scale) {
        Some(bytes) if range.contains(&bytes) => Ok(bytes),
        Some(bytes) if bytes < *range.start() => Err(format!("{} is too small", quoted(text))),
        _ => Err(format!("{} is more than {} bytes", quoted(text), range.end())),
    }
}

fn span(text: &str, range: RangeInclusive<Duration>) -> Result<Duration, String> {
    let not_a_span = || format!("{} is not a duration", quoted(text));
    let mut rest = text;
    let mut millis: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(|| {
            if text == rest && rest.parse::<u64>().is_ok() {
                format!("{} has no unit (s, m, h, d)", quoted(text))
            } else {
                not_a_span()
            }
        })?;
        let number: u64 = rest[..digits].parse().map_err(|_| not_a_span())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let scale = millis_in(rest[..letters].trim()).ok_or_else(not_a_span)?;
        let part = number.checked_mul(scale).ok_or_else(not_a_span)?;
        millis = millis.checked_add(part).ok_or_else(not_a_span)?;
        rest = &rest[letters..];
    }
    let span = Duration::from_millis(millis);
    if text.is_empty() {
        Err(not_a_span())
    } else if span < *range.start() {
        Err(format!("{} is too short", quoted(text)))
    } else if span > *range.end() {
        Err(format!("{} is too long", quoted(text)))
    } else {
        Ok(span)
    }
}

fn millis_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" | "sec" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => DAY_SECS * 1000,
        "w" => 7 * DAY_SECS * 1000,
        _ => return None,
    })
}
