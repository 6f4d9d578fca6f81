//! Lists that come in pages.

/// What a listing is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SortKey {
    /// The lower-case name, then the id.
    #[default]
    Name,
    /// When the content or the folder last changed.
    Modified,
    /// Bytes; folders count as 0.
    Size,
}

/// Which end of a listing comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Smallest, oldest, A first.
    #[default]
    Ascending,
    /// Largest, newest, Z first.
    Descending,
}

/// How a listing of a folder is sorted. Folders always come before files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// In which direction.
    pub order: Order,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = String> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// Where the next page starts; `None` when this is the last.
    pub next: Option<C>,
}
