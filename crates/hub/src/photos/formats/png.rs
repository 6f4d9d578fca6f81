//! PNG (ISO/IEC 15948).

use image::ImageFormat;
use image::metadata::Orientation;

use super::{Claim, Flaw, Walk, orientation};

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// One chunk: its kind, its data, and all of it as it stands.
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    whole: &'a [u8],
}

/// Walks the chunks to the end.
pub(super) fn inspect(file: &[u8]) -> Result<Claim, Flaw> {
    let mut size_px = None;
    let mut turned = Orientation::NoTransforms;
    let mut has_pixels = false;
    for chunk in chunks(file) {
        let Chunk { kind, data, .. } = chunk?;
        match (&kind, size_px) {
            (b"IHDR", None) if data.len() == 13 => {
                let mut walk = Walk(data);
                let edge = |bytes| u32::from_be_bytes(bytes);
                size_px = Some((edge(walk.array()?), edge(walk.array()?)));
            }
            (b"IHDR", _) | (_, None) => return Err(Flaw::Damaged),
            (b"acTL" | b"fcTL" | b"fdAT", _) => return Err(Flaw::Moving),
            (b"eXIf", _) => turned = orientation(data),
            (b"IDAT", _) => has_pixels = true,
            _ => {}
        }
    }
    let size_px = size_px.filter(|_| has_pixels).ok_or(Flaw::Damaged)?;
    Ok(Claim {
        format: ImageFormat::Png,
        size_px,
        // Rows come out of a window of 32 KiB, one after another; the packed ones are copied once.
        working_bytes: (1 << 20) + file.len() as u64,
        orientation: turned,
    })
}

/// The same file without what makes no pixels: texts, profiles, times, and whatever follows its end.
pub(super) fn lean(file: &[u8]) -> Result<Vec<u8>, Flaw> {
    let mut lean = SIGNATURE.to_vec();
    for chunk in chunks(file) {
        let chunk = chunk?;
        if matches!(&chunk.kind, b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"IEND") {
            lean.extend_from_slice(chunk.whole);
        }
    }
    Ok(lean)
}

/// The chunks up to the one that ends the picture.
fn chunks(file: &[u8]) -> impl Iterator<Item = Result<Chunk<'_>, Flaw>> {
    let mut walk = Walk(file.get(SIGNATURE.len()..).unwrap_or_default());
    let mut has_ended = false;
    std::iter::from_fn(move || {
        if has_ended {
            return None;
        }
        let chunk = next_chunk(&mut walk);
        has_ended = chunk.as_ref().map_or(true, |chunk| &chunk.kind == b"IEND");
        Some(chunk)
    })
}

fn next_chunk<'a>(walk: &mut Walk<'a>) -> Result<Chunk<'a>, Flaw> {
    let start = walk.0;
    let length = u32::from_be_bytes(walk.array()?);
    let kind = walk.array()?;
    let data = walk.take(length as usize)?;
    // Its checksum is for the decoder.
    walk.take(4)?;
    let whole = &start[..start.len() - walk.0.len()];
    Ok(Chunk { kind, data, whole })
}
