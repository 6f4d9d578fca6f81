//! What a file says that it is, read without unpacking it: by its own first bytes, never by its name
//! or by the type that somebody declared.
//!
//! A picture is walked from its head to its end. What would cost too much, moves, or breaks off is
//! known before a decoder sees a byte of it.

mod gif;
mod jpeg;
mod png;
mod webp;

use std::borrow::Cow;

use image::ImageFormat;
use image::metadata::Orientation;

/// Longest edge, pixels.
const EDGE_PX: u32 = 12_000;
/// Most pixels.
const PIXELS: u64 = 40_000_000;

/// What is wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    /// There is nothing.
    #[error("the picture is empty: it has no bytes")]
    Empty,
    /// A format that is not taken.
    #[error("{0} is not taken: send a JPEG, PNG, GIF or WebP picture")]
    Foreign(&'static str),
    /// No format that we know.
    #[error("this is not a picture: send a JPEG, PNG, GIF or WebP picture")]
    Unknown,
    /// The file ends before the picture does.
    #[error("the picture breaks off: a part of the file is missing")]
    CutShort,
    /// It has more than one frame.
    #[error("the picture moves: send one that stands still")]
    Moving,
    /// Too many pixels.
    #[error("the picture has too many pixels: at most {PIXELS}, and {EDGE_PX} along an edge")]
    TooManyPixels,
    /// Opening it would take too much memory or time.
    #[error("opening the picture would take too much: save it with fewer pixels, or not progressive")]
    TooMuchWork,
    /// It breaks its format's rules.
    #[error("the picture is damaged: it breaks the rules of its format")]
    Damaged,
}

/// A picture that is whole and within bounds, as far as its structure tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Its format.
    pub format: ImageFormat,
    /// Pixels along its edges.
    pub size_px: (u32, u32),
    /// What the decoder needs besides the finished pixels.
    pub working_bytes: u64,
    /// How it is to be turned.
    pub orientation: Orientation,
}

/// Reads what a file claims to be.
pub(crate) fn inspect(file: &[u8]) -> Result<Claim, Flaw> {
    let claim = match format_of(file)? {
        ImageFormat::Jpeg => jpeg::inspect(file),
        ImageFormat::Png => png::inspect(file),
        ImageFormat::Gif => gif::inspect(file),
        ImageFormat::WebP => webp::inspect(file),
        _ => Err(Flaw::Unknown),
    }?;
    check_size(claim.size_px)?;
    Ok(claim)
}

/// Checks that somebody could want to open a picture of this size.
pub(crate) fn check_size((width, height): (u32, u32)) -> Result<(), Flaw> {
    if width == 0 || height == 0 {
        return Err(Flaw::Damaged);
    }
    if width > EDGE_PX || height > EDGE_PX || u64::from(width) * u64::from(height) > PIXELS {
        return Err(Flaw::TooManyPixels);
    }
    Ok(())
}

/// What of a file the decoder needs to see.
///
/// Texts and colour profiles of a PNG are packed: nobody unpacks what nobody reads. What follows the
/// end of a picture is for other programs.
pub(crate) fn lean(file: &[u8], format: ImageFormat) -> Result<Cow<'_, [u8]>, Flaw> {
    match format {
        ImageFormat::Png => png::lean(file).map(Cow::Owned),
        ImageFormat::WebP => webp::whole(file).map(Cow::Borrowed),
        _ => Ok(Cow::Borrowed(file)),
    }
}

fn format_of(file: &[u8]) -> Result<ImageFormat, Flaw> {
    if file.is_empty() {
        return Err(Flaw::Empty);
    }
    let is_riff = |kind: &[u8]| file.starts_with(b"RIFF") && file.get(8..12) == Some(kind);
    if file.starts_with(&[0xff, 0xd8, 0xff]) {
        Ok(ImageFormat::Jpeg)
    } else if file.starts_with(png::SIGNATURE) {
        Ok(ImageFormat::Png)
    } else if file.starts_with(b"GIF87a") || file.starts_with(b"GIF89a") {
        Ok(ImageFormat::Gif)
    } else if is_riff(b"WEBP") {
        Ok(ImageFormat::WebP)
    } else {
        Err(foreign(file))
    }
}

/// Names a format that people send and that is not taken.
fn foreign(file: &[u8]) -> Flaw {
    /// Where the first tag of a drawing is looked for.
    const HEAD_BYTES: usize = 1024;
    let known: [(&str, usize, &[&[u8]]); 9] = [
        ("PDF", 0, &[b"%PDF-"]),
        ("TIFF", 0, &[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]),
        ("BMP", 0, &[b"BM"]),
        ("ICO", 0, &[b"\0\0\x01\0", b"\0\0\x02\0"]),
        ("AVIF", 4, &[b"ftypavif", b"ftypavis"]),
        ("HEIC", 4, &[b"ftyp"]),
        ("JPEG XL", 0, &[b"\xff\x0a", b"\0\0\0\x0cJXL "]),
        ("JPEG 2000", 0, &[b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"]),
        ("PSD", 0, &[b"8BPS"]),
    ];
    for (name, at, heads) in known {
        let rest = file.get(at..).unwrap_or_default();
        if heads.iter().any(|head| rest.starts_with(head)) {
            return Flaw::Foreign(name);
        }
    }
    let head = &file[..file.len().min(HEAD_BYTES)];
    let is_svg = String::from_utf8_lossy(head)
        .to_ascii_lowercase()
        .contains("<svg");
    if is_svg {
        Flaw::Foreign("SVG")
    } else {
        Flaw::Unknown
    }
}

/// The orientation that a block of EXIF names; one that makes no sense turns nothing.
fn orientation(exif: &[u8]) -> Orientation {
    // Some writers put JPEG's mark in front of it in other formats too.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// Reads a file from its head on; what is not there is [`Flaw::CutShort`].
struct Walk<'a>(&'a [u8]);

impl<'a> Walk<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], Flaw> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Flaw::CutShort)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Flaw> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Flaw::CutShort)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Flaw> {
        self.array().map(|[byte]| byte)
    }
}
