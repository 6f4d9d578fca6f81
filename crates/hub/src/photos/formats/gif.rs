//! GIF (the specification of version 89a).

use image::ImageFormat;
use image::metadata::Orientation;

use super::{Claim, Flaw, Walk, check_size};

const EXTENSION: u8 = 0x21;
const FRAME: u8 = 0x2c;
const END: u8 = 0x3b;

/// Walks the blocks to the end. One frame is a picture, more are an animation.
pub(super) fn inspect(file: &[u8]) -> Result<Claim, Flaw> {
    let mut walk = Walk(file);
    walk.take(6)?;
    let size_px = size(&mut walk)?;
    let flags = walk.byte()?;
    walk.take(2)?;
    walk.take(colours_bytes(flags))?;
    let mut frame = None;
    loop {
        match walk.byte()? {
            END => break,
            EXTENSION => {
                walk.byte()?;
                skip_data(&mut walk)?;
            }
            FRAME if frame.is_some() => return Err(Flaw::Moving),
            FRAME => frame = Some(read_frame(&mut walk)?),
            _ => return Err(Flaw::Damaged),
        }
    }
    check_size(frame.ok_or(Flaw::Damaged)?)?;
    Ok(Claim {
        format: ImageFormat::Gif,
        size_px,
        // A frame that does not fill the screen is unpacked beside it; the decoder asks for that room.
        working_bytes: 0,
        orientation: Orientation::NoTransforms,
    })
}

/// Passes a frame; answers its size.
fn read_frame(walk: &mut Walk<'_>) -> Result<(u32, u32), Flaw> {
    walk.take(4)?;
    let size_px = size(walk)?;
    let flags = walk.byte()?;
    walk.take(colours_bytes(flags))?;
    walk.byte()?;
    skip_data(walk)?;
    Ok(size_px)
}

fn size(walk: &mut Walk<'_>) -> Result<(u32, u32), Flaw> {
    let width = u16::from_le_bytes(walk.array()?);
    let height = u16::from_le_bytes(walk.array()?);
    Ok((width.into(), height.into()))
}

/// Length of the table of colours that a block's flags announce.
fn colours_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        return 0;
    }
    3 << ((flags & 7) + 1)
}

fn skip_data(walk: &mut Walk<'_>) -> Result<(), Flaw> {
    loop {
        match walk.byte()? {
            0 => return Ok(()),
            length => walk.take(length.into())?,
        };
    }
}
