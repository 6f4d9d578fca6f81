//! Pictures made byte by byte, good ones and such as nobody should send.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Delay, DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

/// The same as [`corners`] gives, as another program writes WebP.
const LOSSY_WEBP: &str = "\
    UklGRqAAAABXRUJQVlA4IJQAAADQBwCdASpgAGAAPtFkqE6oJiOiKrqoAQAaCWMA0qo6fkv4q7RPyD8gOFZO/QINpQnzWiY+RD2n\
    TM+/dOJJeL3v7E/W/sToAAD+6DgrfIAnfIHrxq4IyNTU8sZkyfk4Y9gQeMsbEGBoMIAbKygHlCmP/2wvhA1k5lorT8Sy9vZhl5wW\
    vsIhZVIXxvfIDM1XnXm1AAAA\
    ";
/// The same as a progressive JPEG.
const PROGRESSIVE: &str = "\
    /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j\
    q62rZ4C8ybqmx5moq6T/2wBDARweHigjKE4rK06kbl1upKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSkpKSk\
    pKSkpKSkpKT/wgARCAAwADADASIAAhEBAxEB/8QAFwABAQEBAAAAAAAAAAAAAAAAAAMFBP/EABgBAQEBAQEAAAAAAAAAAAAAAAQC\
    AwEF/9oADAMBAAIQAxAAAAGIyatG0jDhIomPtbj18M+R1j5ZA9imvka4qAN//8QAFBABAAAAAAAAAAAAAAAAAAAAUP/aAAgBAQAB\
    BQIT/8QAHBEAAQMFAAAAAAAAAAAAAAAAAAIQEwMEI0Fh/9oACAEDAQE/AS6003CpkImS3//EAB4RAAECBwEAAAAAAAAAAAAAAAAQ\
    EwECAwQREkFh/9oACAECAQE/ASKMelaVvBsl3xP/xAAUEAEAAAAAAAAAAAAAAAAAAABQ/9oACAEBAAY/AhP/xAAUEAEAAAAAAAAA\
    AAAAAAAAAABQ/9oACAEBAAE/IRP/2gAMAwEAAgADAAAAEA1/D2MfqQP/xAAcEQABBAMBAAAAAAAAAAAAAAAAEBFBwQEhcfD/2gAI\
    AQMBAT8QLaT05lrDHaST/8QAGxEAAgIDAQAAAAAAAAAAAAAAEBEAwUFx4fD/2gAIAQIBAT8QP0uzONuai+h//8QAFBABAAAAAAAA\
    AAAAAAAAAAAAUP/aAAgBAQABPxAT/9k=\
    ";

/// What the four corners of [`corners`] hold: top left, top right, bottom left, bottom right.
pub(crate) const COLOURS: [[u8; 3]; 4] = [[220, 30, 30], [30, 200, 30], [30, 30, 220], [230, 220, 30]];
/// A picture in which every pixel is this one.
const PLAIN: [u8; 3] = [200, 100, 50];

/// A square with a colour in each quarter, and its edge.
pub(crate) fn corners(edge: u32) -> RgbImage {
    RgbImage::from_fn(edge, edge, |x, y| {
        let quarter = usize::from(x >= edge / 2) + 2 * usize::from(y >= edge / 2);
        Rgb(COLOURS[quarter])
    })
}

/// A picture of one colour.
pub(crate) fn plain(width: u32, height: u32) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(PLAIN))
}

pub(crate) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture
        .write_with_encoder(JpegEncoder::new_with_quality(&mut file, 90))
        .unwrap();
    file
}

pub(crate) fn png(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture.write_with_encoder(PngEncoder::new(&mut file)).unwrap();
    file
}

pub(crate) fn webp(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    picture
        .write_with_encoder(WebPEncoder::new_lossless(&mut file))
        .unwrap();
    file
}

pub(crate) fn gif(width: u16, height: u16, frame_count: usize) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut file, 30);
    for _ in 0..frame_count {
        let [red, green, blue] = PLAIN;
        let picture = RgbaImage::from_pixel(width.into(), height.into(), Rgba([red, green, blue, 255]));
        encoder
            .encode_frame(Frame::from_parts(
                picture,
                0,
                0,
                Delay::from_numer_denom_ms(40, 1),
            ))
            .unwrap();
    }
    drop(encoder);
    file
}

/// One good picture of each format that is taken.
pub(crate) fn good() -> Vec<(&'static str, Vec<u8>)> {
    let picture = corners(96);
    vec![
        ("JPEG", jpeg(&picture)),
        ("PNG", png(&picture)),
        ("GIF", gif(96, 96, 1)),
        ("WebP", webp(&picture)),
        ("lossy WebP", STANDARD.decode(LOSSY_WEBP).unwrap()),
        ("progressive JPEG", STANDARD.decode(PROGRESSIVE).unwrap()),
    ]
}

/// A JPEG as our own photos are.
pub(crate) fn opened(jpeg: &[u8]) -> DynamicImage {
    image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap()
}

/// The colour at a place, in hundredths of the edge, of one of our photos.
pub(crate) fn colour(jpeg: &[u8], (x, y): (u32, u32)) -> [u8; 3] {
    let picture = opened(jpeg).into_rgb8();
    let edge = picture.width();
    picture.get_pixel(x * edge / 100, y * edge / 100).0
}

/// Whether two colours are the same but for what JPEG does to them.
pub(crate) fn is_near(one: [u8; 3], other: [u8; 3]) -> bool {
    one.iter()
        .zip(other)
        .all(|(one, other)| one.abs_diff(other) <= 12)
}

/// A JPEG whose pixels lie as a camera writes them that was held that way, with what cameras say.
pub(crate) fn held(upright: &RgbImage, orientation: u16) -> Vec<u8> {
    let last = upright.width() - 1;
    let stored = RgbImage::from_fn(upright.width(), upright.height(), |x, y| {
        // EXIF 2.32, tag 274: where the row 0 and the column 0 of what is stored are seen.
        let (x, y) = match orientation {
            2 => (last - x, y),
            3 => (last - x, last - y),
            4 => (x, last - y),
            5 => (y, x),
            6 => (last - y, x),
            7 => (last - y, last - x),
            8 => (y, last - x),
            _ => (x, y),
        };
        *upright.get_pixel(x, y)
    });
    with_segment(&jpeg(&stored), 0xe1, &exif(orientation))
}

/// What a camera says: how it was held, and where.
pub(crate) fn exif(orientation: u16) -> Vec<u8> {
    let mut block = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
    block.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01");
    block.extend_from_slice(&orientation.to_be_bytes());
    // The place stands behind the list.
    block.extend_from_slice(b"\0\0\x88\x25\0\x02\0\0\0\x0c\0\0\0\x26\0\0\0\0");
    block.extend_from_slice(b"GPS 48.8584N");
    block
}

/// A JPEG with one more segment behind its head.
pub(crate) fn with_segment(jpeg: &[u8], marker: u8, data: &[u8]) -> Vec<u8> {
    [&jpeg[..2], &segment(marker, data), &jpeg[2..]].concat()
}

pub(crate) fn segment(marker: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &length[..], data].concat()
}

/// The head of a JPEG of that size, as far as its first scan.
pub(crate) fn jpeg_head(frame: u8, (width, height): (u16, u16)) -> Vec<u8> {
    let [h1, h0] = height.to_be_bytes();
    let [w1, w0] = width.to_be_bytes();
    let data = [8, h1, h0, w1, w0, 1, 1, 0x11, 0];
    [&[0xff, 0xd8][..], &segment(frame, &data)].concat()
}

/// A scan with next to nothing in it.
pub(crate) fn scan() -> Vec<u8> {
    [segment(0xda, &[1, 1, 0, 0, 0, 0]), vec![0x55]].concat()
}

pub(crate) const JPEG_END: [u8; 2] = [0xff, 0xd9];

/// A PNG of these chunks.
pub(crate) fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        file.extend_from_slice(&png_chunk(kind, data));
    }
    file
}

pub(crate) fn png_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [kind, data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &checked, &crc(&checked).to_be_bytes()].concat()
}

/// A head for eight bits of three colours.
pub(crate) fn png_head(width: u32, height: u32) -> Vec<u8> {
    [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat()
}

/// A PNG with one more chunk behind its head.
pub(crate) fn with_chunk(png: &[u8], kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    const HEAD: usize = 8 + 25;
    [&png[..HEAD], &png_chunk(kind, data), &png[HEAD..]].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// A WebP of these chunks.
pub(crate) fn webp_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend_from_slice(*kind);
        body.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [b"RIFF", &length[..], &body].concat()
}

/// The extended head of a WebP.
pub(crate) fn webp_head(width: u32, height: u32) -> Vec<u8> {
    let edges = [width - 1, height - 1].map(u32::to_le_bytes);
    [&[0; 4][..], &edges[0][..3], &edges[1][..3]].concat()
}

/// The data of a lossy picture in a WebP, as far as its size.
pub(crate) fn vp8_head(width: u16, height: u16) -> Vec<u8> {
    [
        &[0x10, 0, 0, 0x9d, 0x01, 0x2a][..],
        &width.to_le_bytes(),
        &height.to_le_bytes(),
    ]
    .concat()
}

/// The data of a lossless picture in a WebP, as far as its size.
pub(crate) fn vp8l_head(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | ((height - 1) << 14);
    [&[0x2f][..], &bits.to_le_bytes()].concat()
}

/// A picture as this server makes them: opens it again to be sure.
pub(crate) fn is_photo(jpeg: &[u8], edge: u32) -> bool {
    let format = image::guess_format(jpeg);
    let picture = image::ImageReader::with_format(Cursor::new(jpeg), ImageFormat::Jpeg).into_dimensions();
    format.is_ok_and(|format| format == ImageFormat::Jpeg) && picture.is_ok_and(|size| size == (edge, edge))
}
