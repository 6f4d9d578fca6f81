//! Pictures, before they are anybody's: what is taken, what is refused, and what is left of them.

use proptest::prelude::*;

use super::PhotoSize;
use super::formats::Flaw;
use super::render::render;
use crate::tests::pictures::{
    COLOURS, JPEG_END, colour, corners, exif, gif, good, held, is_near, is_photo, jpeg, jpeg_head, opened,
    plain, png, png_chunk, png_head, png_of, scan, segment, vp8_head, vp8l_head, webp, webp_head, webp_of,
    with_chunk, with_segment,
};

/// The middle size of a picture that must be taken.
#[track_caller]
fn taken(name: &str, file: &[u8]) -> Vec<u8> {
    let sizes = render(file).unwrap_or_else(|flaw| panic!("{name}: {flaw}"));
    for (size, jpeg) in &sizes {
        assert!(is_photo(jpeg, size.edge_px()), "{name}: {size:?}");
    }
    let middle = sizes.into_iter().find(|(size, _)| *size == PhotoSize::Medium);
    middle.unwrap().1
}

#[track_caller]
fn check_refused(rows: Vec<(&str, Vec<u8>, Flaw)>) {
    let mut wrong = Vec::new();
    for (name, file, flaw) in rows {
        let outcome = render(&file).map(|_| "taken");
        if outcome != Err(flaw) {
            wrong.push(format!("{name}: {outcome:?} instead of {flaw:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a file holds these bytes.
fn holds(file: &[u8], bytes: &[u8]) -> bool {
    file.windows(bytes.len()).any(|window| window == bytes)
}

/// Whether the quarters have their colours.
fn is_upright(jpeg: &[u8]) -> bool {
    let places = [(25, 25), (75, 25), (25, 75), (75, 75)];
    places
        .into_iter()
        .zip(COLOURS)
        .all(|(place, expected)| is_near(colour(jpeg, place), expected))
}

#[test]
fn every_common_format_becomes_three_squares() {
    for (name, file) in good() {
        let photo = taken(name, &file);

        assert!(is_upright(&photo) || name == "GIF", "{name}");
    }
}

#[test]
fn what_other_formats_are_is_said_by_name() {
    let known: [(&'static str, &[u8]); 14] = [
        (
            "SVG",
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        ),
        ("SVG", b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- a -->\n<SVG/>"),
        ("PDF", b"%PDF-1.7\n"),
        ("TIFF", b"II*\0\x08\0\0\0"),
        ("TIFF", b"MM\0*\0\0\0\x08"),
        ("BMP", b"BM\x3a\0\0\0\0\0\0\0"),
        ("ICO", b"\0\0\x01\0\x01\0\x10\x10"),
        ("ICO", b"\0\0\x02\0\x01\0\x10\x10"),
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0"),
        ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0"),
        ("AVIF", b"\0\0\0\x18ftypavif\0\0\0\0"),
        ("JPEG XL", b"\xff\x0a\0\0"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("PSD", b"8BPS\0\x01"),
    ];
    check_refused(
        known
            .into_iter()
            .map(|(name, file)| (name, file.to_vec(), Flaw::Foreign(name)))
            .collect(),
    );
}

#[test]
fn what_is_no_picture_is_refused() {
    check_refused(vec![
        ("nothing", Vec::new(), Flaw::Empty),
        ("a text", b"PNG, I promise".to_vec(), Flaw::Unknown),
        ("a page", b"<!doctype html><script>".to_vec(), Flaw::Unknown),
        ("zeros", vec![0; 4096], Flaw::Unknown),
        ("half a signature", b"\x89PNG".to_vec(), Flaw::Unknown),
        ("a sound", b"RIFF\x04\0\0\0WAVE".to_vec(), Flaw::Unknown),
    ]);
}

#[test]
fn a_head_that_promises_too_many_pixels_is_refused_by_the_head() {
    let png_sized = |width, height| {
        png_of(&[
            (b"IHDR", &png_head(width, height)),
            (b"IDAT", b""),
            (b"IEND", b""),
        ])
    };
    let jpeg_sized = |size| [jpeg_head(0xc0, size), scan(), JPEG_END.to_vec()].concat();
    let mut wide_gif = gif(8, 8, 1);
    wide_gif[6..10].copy_from_slice(&[0xff; 4]);
    let mut wide_frame = gif(8, 8, 1);
    let frame = wide_frame.iter().rposition(|byte| *byte == 0x2c).unwrap();
    wide_frame[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    check_refused(vec![
        ("PNG", png_sized(65_535, 65_535), Flaw::TooManyPixels),
        (
            "the largest PNG",
            png_sized(u32::MAX, u32::MAX),
            Flaw::TooManyPixels,
        ),
        ("an edge", png_sized(12_001, 1), Flaw::TooManyPixels),
        ("the other edge", png_sized(1, 60_000), Flaw::TooManyPixels),
        ("pixels", png_sized(8_000, 5_001), Flaw::TooManyPixels),
        ("no pixels", png_sized(0, 10), Flaw::Damaged),
        ("JPEG", jpeg_sized((65_535, 65_535)), Flaw::TooManyPixels),
        (
            "progressive JPEG",
            [jpeg_head(0xc2, (65_535, 65_535)), scan(), JPEG_END.to_vec()].concat(),
            Flaw::TooManyPixels,
        ),
        ("GIF", wide_gif, Flaw::TooManyPixels),
        ("a frame of a GIF", wide_frame, Flaw::TooManyPixels),
        (
            "lossy WebP",
            webp_of(&[(b"VP8 ", &vp8_head(16_383, 16_383))]),
            Flaw::TooManyPixels,
        ),
        (
            "lossless WebP",
            webp_of(&[(b"VP8L", &vp8l_head(16_384, 16_384))]),
            Flaw::TooManyPixels,
        ),
        (
            "a WebP larger than its canvas",
            webp_of(&[(b"VP8X", &webp_head(8, 8)), (b"VP8 ", &vp8_head(16_383, 16_383))]),
            Flaw::Damaged,
        ),
    ]);
}

#[test]
fn an_edge_and_an_area_at_their_limits_are_taken() {
    taken("an edge", &png(&plain(12_000, 2)));
    taken("an area", &png(&plain(8_000, 5_000)));
}

#[test]
fn what_moves_is_refused() {
    let still = png(&corners(8));
    check_refused(vec![
        ("two frames", gif(4, 4, 2), Flaw::Moving),
        ("10,000 frames", gif(4, 4, 10_000), Flaw::Moving),
        (
            "APNG",
            with_chunk(&still, b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]),
            Flaw::Moving,
        ),
        (
            "WebP",
            webp_of(&[
                (b"VP8X", &webp_head(8, 8)),
                (b"ANIM", &[0; 6]),
                (b"ANMF", &[0; 40]),
            ]),
            Flaw::Moving,
        ),
    ]);
}

#[test]
fn what_would_burn_the_processor_is_refused_before_it_does() {
    let small = |frame: u8, scan_count: usize| {
        [
            jpeg_head(frame, (64, 64)),
            scan().repeat(scan_count),
            JPEG_END.to_vec(),
        ]
        .concat()
    };
    let large = [
        jpeg_head(0xc2, (8_000, 4_000)),
        scan().repeat(50),
        JPEG_END.to_vec(),
    ]
    .concat();
    let tables = with_segment(&jpeg(&corners(8)), 0xfe, b"");
    let many_tables = [&tables[..2], &segment(0xfe, b"").repeat(2_000), &tables[2..]].concat();
    check_refused(vec![
        ("10,000 scans", small(0xc2, 10_000), Flaw::TooMuchWork),
        ("101 scans", small(0xc2, 101), Flaw::TooMuchWork),
        ("101 plain scans", small(0xc0, 101), Flaw::TooMuchWork),
        ("50 scans of much", large, Flaw::TooMuchWork),
        ("2,000 segments", many_tables, Flaw::TooMuchWork),
    ]);
}

#[test]
fn what_would_take_too_much_memory_is_refused_before_it_does() {
    // 11,000 by 3,600 pixels of three colours, of which the scan has one: the rest must be kept for.
    let three = |frame: u8| {
        let data = [8, 0x0e, 0x10, 0x2a, 0xf8, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0];
        [&[0xff, 0xd8][..], &segment(frame, &data), &scan(), &JPEG_END].concat()
    };
    let lossless = [vp8l_head(64, 64), vec![0; 500_000]].concat();
    let alpha = vec![1; 500_000];
    check_refused(vec![
        ("a progressive JPEG", three(0xc2), Flaw::TooMuchWork),
        ("a JPEG in three scans", three(0xc0), Flaw::TooMuchWork),
        (
            "a lossless WebP of many tables",
            webp_of(&[(b"VP8L", &lossless)]),
            Flaw::TooMuchWork,
        ),
        (
            "an alpha of many tables",
            webp_of(&[
                (b"VP8X", &webp_head(64, 64)),
                (b"ALPH", &alpha),
                (b"VP8 ", &vp8_head(64, 64)),
            ]),
            Flaw::TooMuchWork,
        ),
    ]);
}

#[test]
fn a_picture_that_breaks_off_anywhere_is_refused() {
    for (name, file) in good() {
        for length in 0..file.len() {
            let outcome = render(&file[..length]).map(|_| ());
            let is_right = matches!(outcome, Err(Flaw::CutShort | Flaw::Unknown | Flaw::Empty));

            assert!(is_right, "{name} cut at {length} of {}: {outcome:?}", file.len());
        }
    }
}

#[test]
fn a_picture_with_a_wrong_checksum_or_a_second_head_is_refused() {
    let good = png(&corners(16));
    let mut wrong = good.clone();
    let data = wrong.len() - 20;
    wrong[data] ^= 1;
    let late = png_of(&[
        (b"tEXt", b"a\0b"),
        (b"IHDR", &png_head(8, 8)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ]);
    let two_frames = [
        jpeg_head(0xc0, (8, 8)),
        jpeg_head(0xc0, (9_000, 9_000))[2..].to_vec(),
        scan(),
        JPEG_END.to_vec(),
    ];
    check_refused(vec![
        ("a checksum", wrong, Flaw::Damaged),
        (
            "two heads",
            with_chunk(&good, b"IHDR", &png_head(16, 16)),
            Flaw::Damaged,
        ),
        ("no head first", late, Flaw::Damaged),
        (
            "no pixels",
            png_of(&[(b"IHDR", &png_head(8, 8)), (b"IEND", b"")]),
            Flaw::Damaged,
        ),
        ("two frame headers", two_frames.concat(), Flaw::Damaged),
        (
            "a lossless JPEG",
            [jpeg_head(0xc3, (8, 8)), scan(), JPEG_END.to_vec()].concat(),
            Flaw::Damaged,
        ),
        (
            "a JPEG without a scan",
            [jpeg_head(0xc0, (8, 8)), JPEG_END.to_vec()].concat(),
            Flaw::Damaged,
        ),
        (
            "a GIF without a frame",
            [&b"GIF89a"[..], &[8, 0, 8, 0, 0, 0, 0, 0x3b]].concat(),
            Flaw::Damaged,
        ),
        (
            "a WebP of nothing",
            webp_of(&[(b"VP8X", &webp_head(8, 8))]),
            Flaw::Damaged,
        ),
        (
            "a WebP of two pictures",
            webp_of(&[(b"VP8 ", &vp8_head(8, 8)), (b"VP8L", &vp8l_head(8, 8))]),
            Flaw::Damaged,
        ),
    ]);
}

#[test]
fn a_picture_is_seen_upright_however_the_camera_was_held() {
    for orientation in 0..=9 {
        let photo = taken("held", &held(&corners(320), orientation));

        assert!(is_upright(&photo), "orientation {orientation}");
    }
    let turned = png(&corners(64));
    let upside_down = taken("PNG", &with_chunk(&turned, b"eXIf", &exif(3)[6..]));
    assert!(is_near(colour(&upside_down, (25, 25)), COLOURS[3]));
}

#[test]
fn nothing_is_left_of_a_picture_but_its_pixels() {
    const SECRET: &[u8] = b"GPS 48.8584N";
    let comment = b"a comment <script>alert(1)</script>";
    let extended = webp(&corners(64));
    let rows = [
        ("EXIF", held(&corners(64), 1)),
        ("a comment", with_segment(&held(&corners(64), 6), 0xfe, comment)),
        (
            "a profile",
            with_segment(&held(&corners(64), 1), 0xe2, b"ICC_PROFILE\0\x01\x01profile"),
        ),
        (
            "a text",
            with_chunk(&png(&corners(64)), b"tEXt", b"Comment\0GPS 48.8584N <script>"),
        ),
        (
            "EXIF in a PNG",
            with_chunk(&png(&corners(64)), b"eXIf", &exif(1)[6..]),
        ),
        (
            "JPEG and zip",
            [held(&corners(64), 1), b"PK\x03\x04<script>".to_vec()].concat(),
        ),
        (
            "PNG and HTML",
            [&png(&corners(64))[..], b"<script>GPS 48.8584N"].concat(),
        ),
        (
            "GIF and JS",
            [&gif(64, 64, 1)[..], b"=1;alert(1)//<script>GPS 48.8584N"].concat(),
        ),
        ("WebP and HTML", [&extended[..], b"<script>GPS 48.8584N"].concat()),
    ];
    for (name, file) in rows {
        let is_there =
            holds(&file, SECRET) && (name.contains("EXIF") || holds(&file, b"script") || name == "a profile");
        assert!(is_there, "{name}");
        for (size, photo) in render(&file).unwrap_or_else(|flaw| panic!("{name}: {flaw}")) {
            let left = [SECRET, b"script", b"ICC_PROFILE", b"Exif", b"PK\x03\x04", b"GPS"];

            assert!(!left.iter().any(|left| holds(&photo, left)), "{name}: {size:?}");
            assert!(photo.ends_with(&JPEG_END), "{name}: {size:?}");
        }
    }
}

#[test]
fn what_a_png_packs_beside_its_pixels_is_not_unpacked() {
    let file = png(&corners(64));
    let long = vec![b'x'; 8 << 20];
    let broken_profile = [&b"icc\0\0"[..], &[0xff; 64]].concat();

    taken("a text of 8 MiB", &with_chunk(&file, b"iTXt", &long));
    taken(
        "a profile that is none",
        &with_chunk(&file, b"iCCP", &broken_profile),
    );
    let unknown = png_chunk(b"abCD", b"what is this");
    taken("an unknown chunk", &[&file[..33], &unknown, &file[33..]].concat());
}

#[test]
fn the_square_is_cut_from_the_middle_and_what_is_clear_is_white() {
    let stripes = image::RgbImage::from_fn(300, 100, |x, _| image::Rgb(COLOURS[x as usize / 100]));
    let photo = taken("stripes", &png(&stripes));
    for x in [3, 50, 96] {
        assert!(is_near(colour(&photo, (x, 50)), COLOURS[1]), "{x}");
    }

    let clear = image::RgbaImage::from_pixel(9, 9, image::Rgba([0, 0, 0, 0]));
    let mut file = Vec::new();
    clear
        .write_with_encoder(image::codecs::png::PngEncoder::new(&mut file))
        .unwrap();
    assert!(is_near(colour(&taken("clear", &file), (50, 50)), [255; 3]));
}

#[test]
fn a_picture_of_one_pixel_fills_every_size() {
    let photo = taken("one pixel", &png(&plain(1, 1)));

    assert!(is_near(colour(&photo, (99, 0)), plain(1, 1).get_pixel(0, 0).0));
    assert_eq!(opened(&photo).width(), 256);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_picture_with_bytes_changed_is_taken_or_refused(
        which in 0_usize..6,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (_, mut file) = good().swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(sizes) = render(&file) {
            prop_assert!(sizes.iter().all(|(size, jpeg)| is_photo(jpeg, size.edge_px())));
        }
    }
}
