//! Lists that come whole, or by numbers of pages, over those that come by cursors.

use hub::{FolderRef, Hub, HubError, Listed, Part, Search, SharePage, ShareRow};
use model::{Actor, NodeKind, Sort, limits};

/// Items that a list holds at the most when nobody says how many.
pub(crate) const MOST_ITEMS: u32 = 10_000;
/// Pages that one list may be gathered from: some may be short.
const MOST_PAGES: u32 = 40;

/// Which nodes to list.
pub(crate) enum Source {
    /// All files of the person, the newest content first.
    Recent,
    /// What a folder holds.
    Children(FolderRef, (Option<NodeKind>, Sort)),
    /// What a search finds.
    Search(Search),
}

/// What part of a list to return.
pub(crate) struct Window {
    /// Items to leave out at the start.
    pub offset: u32,
    /// Items at the most.
    pub limit: u32,
    /// Where another list ended.
    pub cursor: Option<String>,
}

/// Part of a list.
pub(crate) struct Gathered<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the rest begins; `None` when this is all.
    pub next: Option<String>,
}

/// Lists nodes.
///
/// # Errors
/// Those of the list.
pub(crate) async fn nodes(
    (hub, actor): (&Hub, &Actor),
    source: &Source,
    window: Window,
) -> Result<Gathered<Listed>, HubError> {
    let mut walk = Walk::new(window);
    while let Some(part) = walk.next_part() {
        let page = match source {
            Source::Recent => hub.recent(actor, 0, part).await?,
            Source::Children(folder, shape) => hub.children(actor, *folder, *shape, part).await?,
            Source::Search(search) => hub.search(actor, search.clone(), part).await?,
        };
        walk.take(page.items, page.next);
    }
    Ok(walk.gathered)
}

/// Lists what the actor was given.
///
/// # Errors
/// Those of the list.
pub(crate) async fn received(
    (hub, actor): (&Hub, &Actor),
    window: Window,
) -> Result<Gathered<ShareRow>, HubError> {
    let mut walk = Walk::new(window);
    while let Some(part) = walk.next_part() {
        let SharePage { items, next } = hub.shares_received(actor, part).await?;
        walk.take(items, next);
    }
    Ok(walk.gathered)
}

/// A walk through the pages of a list.
struct Walk<T> {
    gathered: Gathered<T>,
    to_skip: usize,
    to_take: usize,
    pages: u32,
    is_over: bool,
}

impl<T> Walk<T> {
    fn new(window: Window) -> Self {
        Self {
            gathered: Gathered {
                items: Vec::new(),
                next: window.cursor,
            },
            to_skip: window.offset as usize,
            to_take: window.limit as usize,
            pages: 0,
            is_over: false,
        }
    }

    /// The next page to ask for: no more than is missing, so that the walk can be taken up where it ends.
    fn next_part(&mut self) -> Option<Part> {
        let missing = match self.to_skip {
            0 => self.to_take,
            to_skip => to_skip,
        };
        if self.is_over || missing == 0 || self.pages == MOST_PAGES {
            return None;
        }
        self.pages += 1;
        Some(Part {
            limit: u32::try_from(missing).unwrap_or(u32::MAX).min(limits::PAGE_ITEMS),
            cursor: self.gathered.next.take(),
        })
    }

    fn take(&mut self, items: Vec<T>, next: Option<String>) {
        self.is_over = next.is_none();
        self.gathered.next = next;
        if self.to_skip > 0 {
            self.to_skip -= items.len().min(self.to_skip);
        } else {
            self.to_take -= items.len().min(self.to_take);
            self.gathered.items.extend(items);
        }
    }
}
