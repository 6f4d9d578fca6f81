//! Conditional requests (RFC 9110 section 13): entity tags and dates.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::strtime;
use model::{Guard, Millis};

use crate::problem::{self, ApiError, Problem};

/// Entity tags in one header that are looked at.
const MOST_TAGS: usize = 64;
/// How HTTP writes a moment (RFC 9110 section 5.6.7).
const DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// Entity tags that a header names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: any.
    Any,
    /// These, and whether each is weak.
    These(Vec<(String, bool)>),
}

/// What a conditional GET answers instead of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Send it.
    Send,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Reads the entity tags of a header; `None` when it is not there.
///
/// # Errors
/// 400 when they are malformed or too many.
pub(crate) fn tags(headers: &HeaderMap, name: HeaderName) -> Result<Option<Tags>, ApiError> {
    let wrong = || {
        let detail = format!("{name} holds `*` or entity tags in double quotes, {MOST_TAGS} at the most");
        ApiError::from(Problem::new(problem::MALFORMED, detail))
    };
    let mut tags = Vec::new();
    let mut has_any = false;
    let mut is_there = false;
    for value in headers.get_all(&name) {
        is_there = true;
        let mut rest = value.to_str().map_err(|_| wrong())?.trim();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('*') {
                has_any = true;
                rest = after;
            } else {
                let (is_weak, opened) = match rest.strip_prefix("W/") {
                    Some(after) => (true, after),
                    None => (false, rest),
                };
                let (tag, after) = opened
                    .strip_prefix('"')
                    .and_then(|inner| inner.split_once('"'))
                    .ok_or_else(wrong)?;
                tags.push((tag.to_owned(), is_weak));
                rest = after;
            }
            rest = rest.trim_start();
            if !rest.is_empty() {
                rest = rest.strip_prefix(',').ok_or_else(wrong)?.trim_start();
            }
        }
    }
    match (is_there, has_any, tags.len()) {
        (false, ..) => Ok(None),
        (true, true, 0) => Ok(Some(Tags::Any)),
        (true, false, 1..=MOST_TAGS) => Ok(Some(Tags::These(tags))),
        _ => Err(wrong()),
    }
}

/// What must hold for a write.
///
/// # Errors
/// 400 when a header is malformed.
pub(crate) fn guard(headers: &HeaderMap) -> Result<Guard, ApiError> {
    let conditions = (
        tags(headers, header::IF_MATCH)?,
        tags(headers, header::IF_NONE_MATCH)?,
    );
    let wrong = |detail: &str| Err(Problem::new(problem::MALFORMED, detail).into());
    match conditions {
        (None, None) => Ok(Guard::None),
        (Some(Tags::Any), None) => Ok(Guard::Exists),
        // A weak tag never matches for a write: it says "much the same", and that is not enough.
        (Some(Tags::These(tags)), None) => {
            let strong = tags
                .into_iter()
                .filter(|(_, is_weak)| !is_weak)
                .map(|(tag, _)| tag);
            Ok(Guard::Matches(strong.collect()))
        }
        (None, Some(Tags::Any)) => Ok(Guard::Absent),
        (None, Some(Tags::These(_))) => wrong("for a write, If-None-Match can only be `*`"),
        (Some(_), Some(_)) => wrong("give either If-Match or If-None-Match"),
    }
}

/// Decides about a conditional GET, in the order of RFC 9110 section 13.2.2.
///
/// # Errors
/// 400 when a header is malformed.
pub(crate) fn judge(headers: &HeaderMap, etag: &str, modified: Millis) -> Result<Verdict, ApiError> {
    let strongly = |tags: &Tags| match tags {
        Tags::Any => true,
        Tags::These(tags) => tags.iter().any(|(tag, is_weak)| !is_weak && tag == etag),
    };
    match tags(headers, header::IF_MATCH)? {
        Some(tags) if !strongly(&tags) => return Ok(Verdict::Failed),
        Some(_) => {}
        None => {
            let since = date(headers, header::IF_UNMODIFIED_SINCE);
            if since.is_some_and(|since| whole_secs(modified) > since) {
                return Ok(Verdict::Failed);
            }
        }
    }
    match tags(headers, header::IF_NONE_MATCH)? {
        Some(Tags::Any) => Ok(Verdict::NotModified),
        Some(Tags::These(tags)) if tags.iter().any(|(tag, _)| tag == etag) => Ok(Verdict::NotModified),
        Some(Tags::These(_)) => Ok(Verdict::Send),
        None => {
            let since = date(headers, header::IF_MODIFIED_SINCE);
            let is_same = since.is_some_and(|since| whole_secs(modified) <= since);
            Ok(if is_same {
                Verdict::NotModified
            } else {
                Verdict::Send
            })
        }
    }
}

/// Whether a `Range` still speaks of this content: `If-Range` is absent or names it exactly. A
/// date is too coarse to tell two contents of one second apart, so it never does.
pub(crate) fn range_holds(headers: &HeaderMap, etag: &str) -> bool {
    match headers.get(header::IF_RANGE) {
        None => true,
        Some(value) => value.to_str().is_ok_and(|text| text == format!("\"{etag}\"")),
    }
}

/// An entity tag as a header.
pub(crate) fn etag(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).expect("our tags are hexadecimal digits and hyphens")
}

/// A moment as a header.
pub(crate) fn http_date(at: Millis) -> HeaderValue {
    let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
    let text = at.strftime(DATE).to_string();
    HeaderValue::from_str(&text).expect("a date is printable ASCII")
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?;
    let parsed = strtime::parse(DATE, text).ok()?.to_datetime().ok()?;
    Some(
        parsed
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_second(),
    )
}

const fn whole_secs(at: Millis) -> i64 {
    at.0.div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("header"))])
    }

    #[test]
    fn a_write_is_guarded_by_strong_tags_only() {
        let guard_of = |name, value| guard(&with(name, value)).map_err(|_| ());
        assert_eq!(
            guard_of(header::IF_MATCH, "\"a\", W/\"b\""),
            Ok(Guard::Matches(vec!["a".to_owned()]))
        );
        assert_eq!(guard_of(header::IF_MATCH, "*"), Ok(Guard::Exists));
        assert_eq!(guard_of(header::IF_NONE_MATCH, "*"), Ok(Guard::Absent));
        for value in ["a", "\"a", "\"a\" \"b\"", "\"a\", *", "", ","] {
            assert_eq!(guard_of(header::IF_MATCH, value), Err(()), "{value}");
        }
        let both = [(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")];
        let both = HeaderMap::from_iter(both.map(|(name, value)| (name, value.parse().expect("header"))));
        assert!(guard(&both).is_err());
        let many = vec!["\"a\""; 65].join(",");
        assert_eq!(guard_of(header::IF_MATCH, &many), Err(()));
    }

    #[test]
    fn a_read_is_decided_in_the_order_of_the_standard() {
        let modified = Millis(784_111_777_500);
        let judge_of = |name, value| judge(&with(name, value), "t", modified).map_err(|_| ());
        assert_eq!(
            judge_of(header::IF_NONE_MATCH, "W/\"t\""),
            Ok(Verdict::NotModified)
        );
        assert_eq!(judge_of(header::IF_NONE_MATCH, "\"x\""), Ok(Verdict::Send));
        assert_eq!(judge_of(header::IF_MATCH, "W/\"t\""), Ok(Verdict::Failed));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(http_date(modified), date);
        assert_eq!(
            judge_of(header::IF_MODIFIED_SINCE, date),
            Ok(Verdict::NotModified)
        );
        assert_eq!(judge_of(header::IF_UNMODIFIED_SINCE, date), Ok(Verdict::Send));
        for rubbish in [
            "Sun, 06 Nov 0000 08:49:37 GMT",
            "99999",
            "((((((((",
            "Sun, 06 Nov 99999 08:49:37 GMT",
        ] {
            assert_eq!(
                judge_of(header::IF_MODIFIED_SINCE, rubbish),
                Ok(Verdict::Send),
                "{rubbish}"
            );
        }
    }
}
