//! What a connector tells, and what is kept of it: items, and the hashes of their contents.

use connectors::{HashKind, Hasher, Hashes, Item, ItemId, ItemKind, Revision, Tag};
use futures_util::TryStreamExt;
use model::{BodyError, ByteStream, RemoteItem, RemoteKind};

/// An item as the catalog knows it.
pub fn as_remote(item: Item) -> RemoteItem {
    let hashes = texts_of(&item.hashes);
    let (kind, details) = match item.kind {
        ItemKind::Folder => (RemoteKind::Folder, Vec::new()),
        ItemKind::File => (RemoteKind::File, Vec::new()),
        ItemKind::Document { exports } => (
            RemoteKind::Document,
            exports.into_iter().map(ToOwned::to_owned).collect(),
        ),
        ItemKind::Shortcut { target } => (
            RemoteKind::Shortcut,
            target.into_iter().map(|target| target.0).collect(),
        ),
        ItemKind::Other => (RemoteKind::Other, Vec::new()),
    };
    RemoteItem {
        id: item.id.0,
        parent: item.parent.map(|parent| parent.0),
        name: item.name,
        kind,
        size_bytes: item.size_bytes,
        media_type: item.media_type,
        hashes,
        revision: item.revision.map(|revision| revision.0),
        tag: item.tag.map(|tag| tag.0),
        modified_ms: item.modified,
        is_trashed: item.is_trashed,
        is_editable: item.is_editable,
        details,
        web_url: item.web_url,
    }
}

/// What the catalog knows, as a connector tells it.
pub fn as_item(item: &RemoteItem) -> Item {
    Item {
        id: ItemId(item.id.clone()),
        parent: item.parent.clone().map(ItemId),
        name: item.name.clone(),
        kind: match item.kind {
            RemoteKind::Folder => ItemKind::Folder,
            RemoteKind::File => ItemKind::File,
            // What it can be exported as is asked for when it is needed.
            RemoteKind::Document => ItemKind::Document { exports: Vec::new() },
            RemoteKind::Shortcut => ItemKind::Shortcut { target: None },
            RemoteKind::Other => ItemKind::Other,
        },
        size_bytes: item.size_bytes,
        media_type: item.media_type.clone(),
        hashes: hashes_of(&item.hashes),
        revision: item.revision.clone().map(Revision),
        tag: item.tag.clone().map(Tag),
        modified: item.modified_ms,
        is_trashed: item.is_trashed,
        is_editable: item.is_editable,
        web_url: item.web_url.clone(),
    }
}

/// Hashes of what was kept of them, `kind:text`.
pub(crate) fn hashes_of(texts: &[String]) -> Hashes {
    let mut hashes = Hashes::default();
    for (word, text) in texts.iter().filter_map(|text| text.split_once(':')) {
        if let Some(kind) = HashKind::ALL.into_iter().find(|kind| kind.as_str() == word) {
            hashes.set(kind, text);
        }
    }
    hashes
}

/// Hashes as they are kept, the strongest first.
pub(crate) fn texts_of(hashes: &Hashes) -> Vec<String> {
    let kinds = hashes.kinds().into_iter();
    let texts = kinds.filter_map(|kind| Some(format!("{}:{}", kind.as_str(), hashes.text(kind)?)));
    texts.collect()
}

/// Reads a content for its hashes.
pub(crate) async fn hash(mut body: ByteStream, kinds: &[HashKind]) -> Result<Hashes, BodyError> {
    let mut hasher = Hasher::new(kinds);
    while let Some(piece) = body.try_next().await? {
        hasher.update(&piece);
    }
    Ok(hasher.finish())
}
