//! From a file that somebody sent to square pictures of our own: nothing of the file but its pixels
//! goes on.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::{
    DynamicImage, ExtendedColorType, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageResult,
    Limits, Rgb, RgbImage,
};

use super::PhotoSize;
use super::formats::{self, Claim, Flaw};

/// Memory that opening one picture may take, its pixels included.
const PICTURE_BYTES: u64 = 192 << 20;
/// Quality of what is stored, 1 to 100.
const QUALITY: u8 = 85;

/// Opens a picture, turns it upright, cuts its middle square out, and makes a JPEG of each size.
pub(super) fn render(file: &[u8]) -> Result<Vec<(PhotoSize, Vec<u8>)>, Flaw> {
    let claim = formats::inspect(file)?;
    let lean = formats::lean(file, claim.format)?;
    // The large picture is gone when the small ones are made.
    let mut square = DynamicImage::ImageRgb8(middle(&decode(&lean, &claim)?));
    square.apply_orientation(claim.orientation);
    let sizes = PhotoSize::ALL.map(|size| (size, encode(&square, size.edge_px())));
    Ok(sizes.into())
}

fn decode(file: &[u8], claim: &Claim) -> Result<DynamicImage, Flaw> {
    let within = |bytes| {
        let mut limits = Limits::default();
        limits.max_alloc = Some(bytes);
        limits
    };
    let file = Cursor::new(file);
    let decoder: ImageResult<Box<dyn ImageDecoder + '_>> = match claim.format {
        ImageFormat::Png => {
            PngDecoder::with_limits(file, within(PICTURE_BYTES)).map(|decoder| Box::new(decoder) as _)
        }
        ImageFormat::Gif => GifDecoder::new(file).map(|decoder| Box::new(decoder) as _),
        ImageFormat::WebP => WebPDecoder::new(file).map(|decoder| Box::new(decoder) as _),
        _ => JpegDecoder::new(file).map(|decoder| Box::new(decoder) as _),
    };
    let mut decoder = decoder.map_err(flaw)?;
    // Two readers of one file: what they disagree about is not opened.
    if decoder.dimensions() != claim.size_px {
        return Err(Flaw::Damaged);
    }
    let left_bytes = PICTURE_BYTES
        .checked_sub(claim.working_bytes)
        .and_then(|left| left.checked_sub(decoder.total_bytes()))
        .ok_or(Flaw::TooMuchWork)?;
    decoder.set_limits(within(left_bytes)).map_err(flaw)?;
    DynamicImage::from_decoder(decoder).map_err(flaw)
}

fn flaw(error: ImageError) -> Flaw {
    match error {
        ImageError::Limits(_) => Flaw::TooMuchWork,
        _ => Flaw::Damaged,
    }
}

/// The square in the middle, on white, made smaller by whole steps as far as no size loses by it.
fn middle(picture: &DynamicImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    let step = (side / (2 * PhotoSize::Large.edge_px())).max(1);
    let edge = side / step;
    let (left, top) = ((width - edge * step) / 2, (height - edge * step) / 2);
    RgbImage::from_fn(edge, edge, |x, y| {
        let mut sums = [0_u32; 3];
        for (dx, dy) in (0..step).flat_map(|dy| (0..step).map(move |dx| (dx, dy))) {
            let [colour @ .., alpha] = picture.get_pixel(left + x * step + dx, top + y * step + dy).0;
            let alpha = u32::from(alpha);
            for (sum, value) in sums.iter_mut().zip(colour) {
                *sum += (u32::from(value) * alpha + 255 * (255 - alpha)) / 255;
            }
        }
        // A mean of bytes is a byte.
        Rgb(sums.map(|sum| (sum / (step * step)) as u8))
    })
}

fn encode(square: &DynamicImage, edge_px: u32) -> Vec<u8> {
    let small = square
        .resize_exact(edge_px, edge_px, FilterType::CatmullRom)
        .into_rgb8();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY)
        .encode(&small, edge_px, edge_px, ExtendedColorType::Rgb8)
        .expect("a vector takes all that is written, and the size fits the format");
    jpeg
}
