//! JPEG (ITU-T T.81).

use image::ImageFormat;
use image::metadata::Orientation;

use super::{Claim, Flaw, Walk, check_size, orientation};

/// Scans that a picture may come in. Encoders write ten or twelve.
const SCANS: u64 = 100;
/// Coefficients that all scans together may go over: each scan goes over the whole picture.
const SCANNED: u64 = 1_200_000_000;
/// Segments that a picture may have. Cameras write dozens.
const SEGMENTS: u32 = 2_000;

const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;

/// What a frame header says.
#[derive(Clone, Copy)]
struct Frame {
    size_px: (u32, u32),
    component_count: u8,
    /// Coefficients of the whole picture, two bytes each.
    coefficients: u64,
    is_progressive: bool,
}

/// Walks the segments, and passes what is packed between them, to the end of the picture.
pub(super) fn inspect(file: &[u8]) -> Result<Claim, Flaw> {
    let mut walk = Walk(file);
    walk.take(2)?;
    let mut frame: Option<Frame> = None;
    let mut turned = Orientation::NoTransforms;
    let mut scan_count = 0;
    let mut is_kept = false;
    for _ in 0..SEGMENTS {
        let marker = next_marker(&mut walk)?;
        if marker == END {
            let frame = frame.filter(|_| scan_count > 0).ok_or(Flaw::Damaged)?;
            let kept_bytes = if is_kept { frame.coefficients * 2 } else { 0 };
            return Ok(Claim {
                format: ImageFormat::Jpeg,
                size_px: frame.size_px,
                working_bytes: kept_bytes + file.len() as u64,
                orientation: turned,
            });
        }
        let segment = segment(&mut walk)?;
        match marker {
            0xc0..=0xc2 if frame.is_none() => frame = Some(read_frame(marker, segment)?),
            // A second frame, or a kind that is not taken: lossless, hierarchical, arithmetic.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Flaw::Damaged),
            0xe1 if segment.starts_with(b"Exif\0\0") => turned = orientation(segment),
            START_OF_SCAN => {
                let frame = frame.ok_or(Flaw::Damaged)?;
                scan_count += 1;
                if scan_count > SCANS || scan_count * frame.coefficients > SCANNED {
                    return Err(Flaw::TooMuchWork);
                }
                // One scan of everything is finished row by row. Otherwise the coefficients are kept.
                is_kept |= frame.is_progressive || segment.first() != Some(&frame.component_count);
            }
            _ => {}
        }
    }
    Err(Flaw::TooMuchWork)
}

/// Goes to the next marker that begins a segment or ends the picture: over packed data with its
/// stuffed bytes and restarts, over fill bytes, and over what does not belong there.
fn next_marker(walk: &mut Walk<'_>) -> Result<u8, Flaw> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd8 | 0xff);
    let at = walk.0.windows(2).position(is_marker).ok_or(Flaw::CutShort)?;
    walk.take(at + 1)?;
    walk.byte()
}

fn segment<'a>(walk: &mut Walk<'a>) -> Result<&'a [u8], Flaw> {
    let length = usize::from(u16::from_be_bytes(walk.array()?));
    walk.take(length.checked_sub(2).ok_or(Flaw::Damaged)?)
}

fn read_frame(marker: u8, segment: &[u8]) -> Result<Frame, Flaw> {
    let mut walk = Walk(segment);
    walk.byte()?;
    let height = u16::from_be_bytes(walk.array()?);
    let width = u16::from_be_bytes(walk.array()?);
    let size_px = (u32::from(width), u32::from(height));
    check_size(size_px)?;
    let component_count = walk.byte()?;
    let mut most = (1, 1);
    let mut blocks = 0;
    for _ in 0..component_count {
        let [_, factors, _] = walk.array()?;
        let (across, down) = (u64::from(factors >> 4), u64::from(factors & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return Err(Flaw::Damaged);
        }
        most = (across.max(most.0), down.max(most.1));
        blocks += across * down;
    }
    if !matches!(component_count, 1..=4) {
        return Err(Flaw::Damaged);
    }
    let units = u64::from(width).div_ceil(8 * most.0) * u64::from(height).div_ceil(8 * most.1);
    Ok(Frame {
        size_px,
        component_count,
        coefficients: units * blocks * 64,
        is_progressive: marker == 0xc2,
    })
}
