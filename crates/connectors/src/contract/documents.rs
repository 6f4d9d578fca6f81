//! Documents without bytes of their own, which:

use std::sync::Arc;

use super::scene::collect;
use super::{Bytes, Scene};
use crate::{Item, ItemKind, Read, RemoteError, Revision, Target, fetch};

async fn document(scene: &Scene) -> (Item, Vec<&'static str>) {
    scene.world.make_document("document").await;
    let item = scene.need("document").await;
    match item.kind.clone() {
        ItemKind::Document { exports } => (item, exports),
        other => panic!("{other:?}"),
    }
}

fn read<'a>(item: &'a Item, export: Option<&'a str>) -> Read<'a> {
    Read {
        id: &item.id,
        revision: None,
        offset: 0,
        export,
    }
}

/// Nobody takes them for empty files.
pub async fn are_no_files(scene: &Scene) {
    let (item, exports) = document(scene).await;

    assert!(!item.is_file() && !item.is_folder());
    assert!(!exports.is_empty());
    assert_eq!(item.size_bytes, None);
    assert_eq!(item.hashes, crate::Hashes::default());
    assert!(item.modified.is_some());
}

/// Not even empty ones.
pub async fn have_no_content_of_their_own(scene: &Scene) {
    let (item, _) = document(scene).await;

    let none = scene.drive.read(read(&item, None)).await.err();
    assert!(matches!(none, Some(RemoteError::NoContent)), "{none:?}");
}

/// As each kind that they tell.
pub async fn are_exported(scene: &Scene) {
    let (item, exports) = document(scene).await;
    for export in exports {
        let fetched = fetch(Arc::clone(&scene.drive), &item, 0, Some(export))
            .await
            .expect("export");

        assert!(
            !collect(fetched.stream).await.expect("bytes").is_empty(),
            "{export}"
        );
    }
}

/// Only as what they tell.
pub async fn are_not_exported_as_something_else(scene: &Scene) {
    let (item, _) = document(scene).await;

    let refused = scene
        .drive
        .read(read(&item, Some("audio/x-nonsense")))
        .await
        .err();
    assert!(refused.is_some_and(|error| !error.is_temporary()));
}

/// A snapshot never goes back.
pub async fn are_never_written_over(scene: &Scene) {
    let (item, _) = document(scene).await;
    let revision = item.revision.clone().unwrap_or(Revision("1".to_owned()));
    let target = Target::Replace {
        id: &item.id,
        expected: &revision,
    };

    let refused = scene.send(target, &Bytes(b"no document".to_vec())).await;

    assert!(refused.is_err(), "{refused:?}");
    let (now, _) = {
        let item = scene.need("document").await;
        (item.kind.clone(), item)
    };
    assert!(matches!(now, ItemKind::Document { .. }), "{now:?}");
}
