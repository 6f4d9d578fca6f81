//! WebP (RFC 9649).

use image::ImageFormat;
use image::metadata::Orientation;

use super::{Claim, Flaw, Walk, orientation};

/// Memory that one byte of a lossless picture can make the decoder take: tables of codes, each of
/// 4 KiB, can be written in little more than nine bytes.
const TABLES_FOR_ONE: u64 = 450;

/// What the chunks say.
#[derive(Default)]
struct Parts {
    /// Of the whole, where an extended head says it.
    canvas_px: Option<(u32, u32)>,
    /// Of the one picture.
    picture_px: Option<(u32, u32)>,
    /// What the decoder needs for a pixel besides the finished one.
    pixel_bytes: u64,
    /// Packed without loss: a picture, or the alpha of one.
    lossless_bytes: u64,
    orientation: Option<Orientation>,
}

/// Walks the chunks to the end.
pub(super) fn inspect(file: &[u8]) -> Result<Claim, Flaw> {
    let mut walk = Walk(whole(file)?);
    walk.take(12)?;
    let mut parts = Parts::default();
    while !walk.0.is_empty() {
        let kind: [u8; 4] = walk.array()?;
        let length = u32::from_le_bytes(walk.array()?) as usize;
        let data = walk.take(length)?;
        // Chunks begin at even places; the last one's padding is often left out.
        if length % 2 == 1 && !walk.0.is_empty() {
            walk.take(1)?;
        }
        read_chunk(&mut parts, &kind, data)?;
    }
    let size_px = parts.picture_px.ok_or(Flaw::Damaged)?;
    // A picture larger than its canvas would be unpacked before anybody compares the two.
    if parts.canvas_px.is_some_and(|canvas| canvas != size_px) {
        return Err(Flaw::Damaged);
    }
    let pixels = u64::from(size_px.0) * u64::from(size_px.1);
    Ok(Claim {
        format: ImageFormat::WebP,
        size_px,
        working_bytes: pixels * parts.pixel_bytes + parts.lossless_bytes * TABLES_FOR_ONE,
        orientation: parts.orientation.unwrap_or(Orientation::NoTransforms),
    })
}

/// The file up to where it says that it ends.
pub(super) fn whole(file: &[u8]) -> Result<&[u8], Flaw> {
    let mut walk = Walk(file);
    walk.take(4)?;
    let length = u32::from_le_bytes(walk.array()?) as usize;
    walk.take(length)?;
    Ok(&file[..file.len() - walk.0.len()])
}

fn read_chunk(parts: &mut Parts, kind: &[u8; 4], data: &[u8]) -> Result<(), Flaw> {
    let mut walk = Walk(data);
    match kind {
        b"VP8X" => {
            walk.take(4)?;
            let [w0, w1, w2, h0, h1, h2] = walk.array()?;
            let edge = |low, middle, high| 1 + u32::from_le_bytes([low, middle, high, 0]);
            parts.canvas_px = Some((edge(w0, w1, w2), edge(h0, h1, h2)));
        }
        b"VP8 " | b"VP8L" if parts.picture_px.is_some() => return Err(Flaw::Damaged),
        b"VP8 " => {
            walk.take(3)?;
            if walk.array()? != [0x9d, 0x01, 0x2a] {
                return Err(Flaw::Damaged);
            }
            let width = u16::from_le_bytes(walk.array()?) & 0x3fff;
            let height = u16::from_le_bytes(walk.array()?) & 0x3fff;
            parts.picture_px = Some((width.into(), height.into()));
            // Three planes, two of them of half the size.
            parts.pixel_bytes += 2;
        }
        b"VP8L" => {
            if walk.byte()? != 0x2f {
                return Err(Flaw::Damaged);
            }
            parts.pixel_bytes += 5;
            parts.lossless_bytes += data.len() as u64;
            let bits = u32::from_le_bytes(walk.array()?);
            parts.picture_px = Some((1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)));
        }
        b"ALPH" => {
            // It is packed like a picture of its own.
            parts.pixel_bytes += 6;
            parts.lossless_bytes += data.len() as u64;
        }
        b"ANIM" | b"ANMF" => return Err(Flaw::Moving),
        b"EXIF" => parts.orientation = Some(orientation(data)),
        _ => {}
    }
    Ok(())
}
