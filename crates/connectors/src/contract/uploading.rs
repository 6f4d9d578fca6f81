//! New files.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use model::{BodyError, ByteStream};

use super::reading::LENGTHS;
use super::scene::THEN;
use super::{Bytes, Failing, Kept, Scene, hashes_of, sample};
use crate::{NoJournal, RemoteError, Source, Target, Upload};

/// What came back is what is there.
pub async fn makes_what_was_sent(scene: &Scene) {
    let made = scene.create("made.txt", b"what was sent").await;

    assert!(made.is_file());
    assert_eq!(made.name, "made.txt");
    assert_eq!(made.parent.as_ref(), Some(&scene.root));
    assert_eq!(made.size_bytes, Some(13));
    assert!(made.revision.is_some());
    assert!(made.is_editable && !made.is_trashed);
    scene.expect_tree(&[("made.txt", b"what was sent")]).await;
    let told = scene.need("made.txt").await;
    assert_eq!((told.id, told.revision), (made.id, made.revision));
}

/// No bytes are a content.
pub async fn makes_an_empty_file(scene: &Scene) {
    let made = scene.create("empty.txt", b"").await;

    assert_eq!(made.size_bytes, Some(0));
    scene.expect_tree(&[("empty.txt", b"")]).await;
}

/// In one request and in many.
pub async fn makes_files_of_all_lengths(scene: &Scene) {
    for length in LENGTHS
        .into_iter()
        .chain([5 * 1024 * 1024 + 1, 11 * 1024 * 1024 + 7])
    {
        let bytes = sample(length);
        let made = scene.create(&format!("{length}.bin"), &bytes).await;

        assert_eq!(made.size_bytes, Some(length as u64));
        assert!(scene.read(&made).await == bytes, "{length} bytes differ");
    }
}

/// What it told is what the bytes have.
pub async fn tells_hashes_of_what_it_made(scene: &Scene) {
    for length in [0, 100_000, 6 * 1024 * 1024] {
        let bytes = sample(length);
        let made = scene.create(&format!("{length}.bin"), &bytes).await;

        let right = hashes_of(scene.can(), &bytes);
        assert_ne!(made.hashes.agrees(&right), Some(false), "{length} bytes");
    }
}

/// As exactly as it says.
pub async fn keeps_the_time_of_modification(scene: &Scene) {
    let step_ms = i64::from(scene.can().modified_step_ms.expect("gated"));
    let made = scene.create("made.txt", b"long ago").await;
    let told = scene.need("made.txt").await;

    for item in [made, told] {
        let modified = item.modified.expect("a time");
        assert!((modified.0 - THEN.0).abs() < step_ms, "{modified:?}");
    }
}

/// Where it was told to.
pub async fn makes_a_file_in_a_folder(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    let made = scene.create_in(&folder.id, "made.txt", b"here").await;

    assert_eq!(made.parent.as_ref(), Some(&folder.id));
    scene
        .expect_tree(&[("folder/in.txt", b"in it"), ("folder/made.txt", b"here")])
        .await;
}

/// Whoever was first is kept.
pub async fn never_replaces_by_a_create(scene: &Scene) {
    scene.given("taken.txt", b"mine").await;

    let second = scene
        .try_create(&scene.root, "taken.txt", &Bytes(b"another".to_vec()))
        .await;

    assert!(matches!(second, Err(RemoteError::Exists)), "{second:?}");
    scene.expect_tree(&[("taken.txt", b"mine")]).await;
}

/// Both are there.
pub async fn makes_twins_where_names_are_not_unique(scene: &Scene) {
    let first = scene.create("twin.txt", b"first").await;
    let second = scene.create("twin.txt", b"second").await;

    assert_ne!(first.id, second.id);
    scene.expect_names(&scene.root, &["twin.txt", "twin.txt"]).await;
    assert_eq!(scene.read(&first).await, b"first");
    assert_eq!(scene.read(&second).await, b"second");
}

/// Not in the root instead.
pub async fn makes_nothing_in_a_folder_that_is_gone(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    scene.drive.trash(&folder.id, None).await.expect("trash");

    let made = scene
        .try_create(&folder.id, "lost.txt", &Bytes(b"lost".to_vec()))
        .await;

    // Some providers still write into what is in their trash.
    assert!(
        made.is_ok() || matches!(made, Err(RemoteError::NotFound)),
        "{made:?}"
    );
    scene.expect_tree(&[]).await;
}

/// A small one and one in parts.
pub async fn leaves_nothing_of_a_source_that_fails(scene: &Scene) {
    for (length, breaks_at) in [(1000, 500), (1000, 0), (12 * 1024 * 1024, 7_000_000)] {
        let source = Failing::at(sample(length), breaks_at);
        let failed = scene.try_create(&scene.root, "half.bin", &source).await;

        assert!(matches!(failed, Err(RemoteError::Source(_))), "{failed:?}");
        scene.expect_tree(&[]).await;
    }
}

/// It ends too early without saying so.
pub async fn leaves_nothing_of_a_source_that_is_short(scene: &Scene) {
    for length in [1000, 6 * 1024 * 1024] {
        let source = Failing::telling(sample(length - 1), length as u64, None);
        let failed = scene.try_create(&scene.root, "short.bin", &source).await;

        assert!(failed.is_err(), "{failed:?}");
        scene.expect_tree(&[]).await;
    }
}

/// It goes on beyond its end.
pub async fn leaves_nothing_of_a_source_that_is_long(scene: &Scene) {
    for length in [1000, 6 * 1024 * 1024] {
        let source = Failing::telling(sample(length + 1), length as u64, None);
        let failed = scene.try_create(&scene.root, "long.bin", &source).await;

        assert!(failed.is_err(), "{failed:?}");
        scene.expect_tree(&[]).await;
    }
}

/// For whoever watches.
pub async fn counts_what_arrives(scene: &Scene) {
    for length in [1000, 6 * 1024 * 1024] {
        let journal = Kept::default();
        let source = Bytes(sample(length));
        scene
            .send_kept(&format!("{length}.bin"), &source, &journal)
            .await
            .expect("upload");

        assert_eq!(journal.arrived_bytes(), length as u64);
    }
}

/// A session is a secret that nobody needs any more.
pub async fn forgets_its_session_at_the_end(scene: &Scene) {
    let journal = Kept::default();
    let source = Bytes(sample(11 * 1024 * 1024));
    scene
        .send_kept("big.bin", &source, &journal)
        .await
        .expect("upload");

    assert_eq!(journal.session(), None);
    assert!(journal.kept() > 0 || scene.can().resumes_from_bytes.is_none());
}

/// Bytes that arrived are not sent again.
pub async fn goes_on_where_it_stopped(scene: &Scene) {
    let from = scene.can().resumes_from_bytes.expect("gated");
    let length = usize::try_from(from).expect("small") + 24 * 1024 * 1024;
    let bytes = sample(length);
    let journal = Kept::default();
    let breaking = Failing::at(bytes.clone(), length - 1000);
    let broken = scene.send_kept("big.bin", &breaking, &journal).await;
    assert!(matches!(broken, Err(RemoteError::Source(_))), "{broken:?}");
    assert!(journal.session().is_some(), "it can go on");

    let whole = Failing::telling(bytes.clone(), length as u64, None);
    let made = scene
        .send_kept("big.bin", &whole, &journal)
        .await
        .expect("upload")
        .item;

    // Hashes may have to be computed over what was sent before, so that where it was opened says nothing; what
    // is there says all.
    assert!(whole.opened.load(Ordering::Relaxed) > 0);
    assert_eq!(journal.session(), None);
    assert!(scene.read(&made).await == bytes);
    scene.expect_names(&scene.root, &["big.bin"]).await;
}

/// A session of another time begins anew.
pub async fn goes_on_with_nothing_when_the_session_is_nonsense(scene: &Scene) {
    let bytes = sample(11 * 1024 * 1024);
    for session in ["", "nonsense", "{}", "{\"version\":99}"] {
        let journal = Kept::with(session);
        let name = format!("{}.bin", session.len());
        let made = scene
            .send_kept(&name, &Bytes(bytes.clone()), &journal)
            .await
            .expect("upload");

        assert_eq!(made.item.size_bytes, Some(bytes.len() as u64), "{session:?}");
        assert_eq!(journal.session(), None);
    }
}

/// A content that must not be read.
struct Untouched(u64);

#[async_trait]
impl Source for Untouched {
    fn size_bytes(&self) -> u64 {
        self.0
    }

    async fn open(&self, _offset: u64) -> Result<ByteStream, BodyError> {
        panic!("not a byte of it is to be read")
    }
}

/// Before a byte is sent.
pub async fn takes_no_file_that_is_too_large(scene: &Scene) {
    let most_bytes = scene.can().largest_bytes;
    let refused = scene
        .try_create(&scene.root, "huge.bin", &Untouched(most_bytes + 1))
        .await;

    match refused {
        Err(RemoteError::TooLarge { most_bytes: told }) => assert_eq!(told, most_bytes),
        other => panic!("{other:?}"),
    }
    scene.expect_tree(&[]).await;
}

/// So that a repeated create is found out.
pub async fn takes_an_id_that_was_given_ahead(scene: &Scene) {
    let ids = scene.drive.new_ids(3).await.expect("ids");
    assert_eq!(ids.len(), 3);
    for (number, id) in ids.iter().enumerate() {
        let name = format!("{number}.txt");
        let target = Target::Create {
            parent: &scene.root,
            name: &name,
            id: Some(id),
        };
        let source = Bytes(b"by its id".to_vec());
        let upload = Upload {
            target,
            source: &source,
            media_type: "text/plain",
            modified: None,
            journal: &NoJournal,
        };
        let made = scene.drive.upload(upload).await.expect("upload").item;

        assert_eq!(made.id, *id);
    }
    scene
        .expect_names(&scene.root, &["0.txt", "1.txt", "2.txt"])
        .await;
}
