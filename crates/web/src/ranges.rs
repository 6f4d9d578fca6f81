//! `Range` (RFC 9110 section 14): pure reading, no I/O.

use std::ops::Range;

/// Ranges in one request that are answered one by one; more get the whole.
const MOST: usize = 16;

/// What part of a content a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: no range, or one that is not understood, which a server may leave aside.
    Whole,
    /// One part.
    One(Range<u64>),
    /// Several parts.
    Many(Vec<Range<u64>>),
    /// Only parts beyond its end.
    Beyond,
}

/// Reads a `Range` header for a content of `size_bytes`.
pub(crate) fn parse(header: &str, size_bytes: u64) -> Wanted {
    let Some((unit, set)) = header.split_once('=') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let mut ranges = Vec::new();
    let mut count = 0;
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        count += 1;
        match parse_one(spec, size_bytes) {
            Err(()) => return Wanted::Whole,
            Ok(Some(range)) => ranges.push(range),
            Ok(None) => {}
        }
        if count > MOST {
            return Wanted::Whole;
        }
    }
    match (count, ranges.len()) {
        (0, _) => Wanted::Whole,
        (_, 0) => Wanted::Beyond,
        (_, 1) => Wanted::One(ranges.remove(0)),
        _ if is_wasteful(&ranges, size_bytes) => Wanted::Whole,
        _ => Wanted::Many(ranges),
    }
}

/// One range; `None` when it lies beyond the end.
fn parse_one(spec: &str, size_bytes: u64) -> Result<Option<Range<u64>>, ()> {
    let (first, last) = spec.split_once('-').ok_or(())?;
    let (first, last) = (number(first)?, number(last)?);
    match (first, last) {
        (None, None) => Err(()),
        (None, Some(0)) => Ok(None),
        (None, Some(suffix)) if size_bytes > 0 => Ok(Some(size_bytes.saturating_sub(suffix)..size_bytes)),
        (None, Some(_)) => Ok(None),
        (Some(first), Some(last)) if last < first => Err(()),
        (Some(first), _) if first >= size_bytes => Ok(None),
        (Some(first), last) => {
            let end = last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes));
            Ok(Some(first..end))
        }
    }
}

/// Digits, or nothing. A number beyond 64 bits is as large as can be.
fn number(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(());
    }
    Ok(Some(text.parse().unwrap_or(u64::MAX)))
}

/// Ranges that together are more than the whole, or overlap: it is cheaper to send it once.
fn is_wasteful(ranges: &[Range<u64>], size_bytes: u64) -> bool {
    let total: u64 = ranges
        .iter()
        .map(|range| range.end - range.start)
        .fold(0, u64::saturating_add);
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_by_key(|range| range.start);
    total > size_bytes || sorted.windows(2).any(|pair| pair[0].end > pair[1].start)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_read_as_rfc_9110_has_them() {
        for (header, wanted) in [
            ("bytes=0-0", Wanted::One(0..1)),
            ("bytes=-1", Wanted::One(9..10)),
            ("bytes=-99", Wanted::One(0..10)),
            ("bytes=5-", Wanted::One(5..10)),
            ("bytes=0-99999999999", Wanted::One(0..10)),
            ("bytes=0-1, 4-5", Wanted::Many(vec![0..2, 4..6])),
            ("bytes=2-3,99-", Wanted::One(2..4)),
            ("bytes=10-", Wanted::Beyond),
            ("bytes=-0", Wanted::Beyond),
            ("bytes=18446744073709551615-", Wanted::Beyond),
            ("bytes=-18446744073709551616", Wanted::One(0..10)),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=abc", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=--1", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0-5,3-8", Wanted::Whole),
        ] {
            assert_eq!(parse(header, 10), wanted, "{header}");
        }
    }

    #[test]
    fn nothing_of_an_empty_content_can_be_had() {
        for header in ["bytes=0-0", "bytes=-1", "bytes=0-"] {
            assert_eq!(parse(header, 0), Wanted::Beyond, "{header}");
        }
    }

    #[test]
    fn a_thousand_ranges_are_one_whole() {
        let header = format!(
            "bytes={}",
            (0..1000)
                .map(|i| format!("{}-{}", 2 * i, 2 * i))
                .collect::<Vec<_>>()
                .join(",")
        );
        assert_eq!(parse(&header, 1 << 20), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn every_part_lies_within(header in "(bytes=)?[-0-9, ]{0,40}", size in 0_u64..100) {
            let parts = match parse(&header, size) {
                Wanted::One(part) => vec![part],
                Wanted::Many(parts) => parts,
                Wanted::Whole | Wanted::Beyond => vec![],
            };
            for part in parts {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
