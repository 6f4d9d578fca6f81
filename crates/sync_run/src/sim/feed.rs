//! The simulated provider's lists: folders, everything, and what changed.

use connectors::{ChangePage, Cursor, Entry, Feed, ItemId, ItemPage, Next, RemoteError};

use super::cloud::{Cloud, ROOT};
use super::drive::SimDrive;
use super::flavours::Kind;
use super::stage::Verdict;
use super::tape::Trouble;

/// Where a feed is.
enum Place {
    /// Listing everything after something; the feed of changes was there when it began.
    List { token: u64, after: u64 },
    /// Telling what changed during that.
    Replay { token: u64 },
    /// Telling what changed.
    Follow { token: u64 },
    /// Listing everything after a path, where there is nothing else.
    Paths { after: String },
}

impl Place {
    fn read(cursor: Option<&Cursor>, cloud: &Cloud) -> Option<Self> {
        let lists = cloud.flavour.abilities.feed == Feed::Listing;
        let Some(cursor) = cursor else {
            return Some(match lists {
                true => Self::Paths { after: String::new() },
                false => Self::List {
                    token: cloud.visible,
                    after: ROOT,
                },
            });
        };
        let (era, place) = cursor.0.split_once(' ')?;
        if era.parse() != Ok(cloud.era) {
            return None;
        }
        let (kind, rest) = place.split_once(':')?;
        Some(match kind {
            "p" => Self::Paths {
                after: rest.to_owned(),
            },
            "l" => {
                let (token, after) = rest.split_once(' ')?;
                Self::List {
                    token: token.parse().ok()?,
                    after: after.parse().ok()?,
                }
            }
            "r" => Self::Replay {
                token: rest.parse().ok()?,
            },
            _ => Self::Follow {
                token: rest.parse().ok()?,
            },
        })
    }

    fn cursor(&self, era: u64) -> Cursor {
        let place = match self {
            Self::List { token, after } => format!("l:{token} {after}"),
            Self::Replay { token } => format!("r:{token}"),
            Self::Follow { token } => format!("c:{token}"),
            Self::Paths { after } => format!("p:{after}"),
        };
        Cursor(format!("{era} {place}"))
    }
}

impl SimDrive {
    /// A page of a folder. What came lately may be missing.
    pub(super) fn page_of(
        &self,
        (folder, is_trashed): (&ItemId, bool),
        page: Option<&str>,
        verdict: Verdict,
    ) -> Result<ItemPage, RemoteError> {
        let is_calm = self.sea.is_calm();
        let cloud = self.cloud();
        let number = cloud.find(folder);
        let number = number.filter(|number| cloud.is_live(*number) != is_trashed);
        let number = number.ok_or(RemoteError::NotFound)?;
        let after: u64 = page.and_then(|page| page.parse().ok()).unwrap_or(ROOT);
        let lags = !is_calm && cloud.flavour.kind == Kind::Drive;
        // In the trash, what did not go there by itself.
        let mut rest = cloud.live_children(number);
        rest.retain(|child| *child > after && !(lags && cloud.log[child] > cloud.visible));
        let has_more = rest.len() > 3;
        rest.truncate(3);
        Ok(ItemPage {
            next: rest.last().filter(|_| has_more).map(ToString::to_string),
            items: rest.iter().filter_map(|child| cloud.seen(*child)).collect(),
            is_partial: matches!(verdict.trouble, Some((Trouble::ShortPage, _))),
        })
    }

    /// A page of the feed.
    pub(super) fn feed_page(
        &self,
        cursor: Option<&Cursor>,
        verdict: Verdict,
    ) -> Result<ChangePage, RemoteError> {
        let is_calm = self.sea.is_calm();
        let mut cloud = self.cloud();
        let lag = if is_calm { 0 } else { cloud.calls * 7 % 4 };
        cloud.visible = cloud.visible.max(cloud.seq.saturating_sub(lag));
        let place = Place::read(cursor, &cloud).ok_or(RemoteError::CursorLost)?;
        let mut most = if is_calm {
            1000
        } else {
            1 + usize::try_from(cloud.calls % 6).expect("it is small")
        };
        if matches!(verdict.trouble, Some((Trouble::ShortPage, _))) {
            most = 1;
        }
        let mut page = match place {
            Place::Paths { after } => listed(&cloud, &after, most),
            Place::List { token, after } => {
                let mut rest = cloud.live();
                // What came since the listing began is told by the feed.
                rest.retain(|number| *number > after && (is_calm || cloud.log[number] <= cloud.visible));
                let has_more = rest.len() > most;
                rest.truncate(most);
                let next = match rest.last().filter(|_| has_more) {
                    Some(last) => Place::List { token, after: *last },
                    None => Place::Replay { token },
                };
                ChangePage {
                    entries: rest.iter().flat_map(|number| entry(&cloud, *number)).collect(),
                    is_snapshot: true,
                    next: Next::More(next.cursor(cloud.era)),
                }
            }
            Place::Replay { token } => changed(&cloud, (token, true), most, verdict),
            Place::Follow { token } => changed(&cloud, (token, false), most, verdict),
        };
        if matches!(verdict.trouble, Some((Trouble::LostTombstone, _))) {
            let before = page.entries.len();
            page.entries.retain(|entry| !matches!(entry, Entry::Gone(_)));
            cloud.has_lost_tombstones |= page.entries.len() < before;
        }
        match verdict.trouble {
            Some((Trouble::Duplicates, _)) => {
                let again = page.entries.clone();
                page.entries.extend(again);
            }
            Some((Trouble::Reordered, _)) => page.entries.reverse(),
            _ => {}
        }
        self.sea.tell(|| format!("   feed: {}", told(&page)));
        Ok(page)
    }
}

/// A page of everything, by path.
fn listed(cloud: &Cloud, after: &str, most: usize) -> ChangePage {
    let mut all: Vec<(String, u64)> = cloud
        .live()
        .into_iter()
        .map(|number| (cloud.path(number), number))
        .collect();
    all.sort();
    all.retain(|(path, _)| path.as_str() > after);
    let has_more = all.len() > most;
    all.truncate(most);
    let next = match all.last().filter(|_| has_more) {
        Some((last, _)) => Next::More(Place::Paths { after: last.clone() }.cursor(cloud.era)),
        None => Next::Settled(Place::Paths { after: String::new() }.cursor(cloud.era)),
    };
    ChangePage {
        entries: all.iter().flat_map(|(_, number)| entry(cloud, *number)).collect(),
        is_snapshot: true,
        next,
    }
}

/// A page of what changed: each thing once, as it is now, where it last changed.
fn changed(cloud: &Cloud, (token, is_snapshot): (u64, bool), most: usize, verdict: Verdict) -> ChangePage {
    let mut news: Vec<(u64, u64)> = cloud.log.iter().map(|(number, seq)| (*seq, *number)).collect();
    news.retain(|(seq, _)| *seq > token && *seq <= cloud.visible);
    news.sort_unstable();
    let has_more = news.len() > most;
    news.truncate(most);
    let token = match news.last().filter(|_| has_more) {
        Some((seq, _)) => *seq,
        None => cloud.visible.max(token),
    };
    let next = match (has_more, is_snapshot) {
        (true, true) => Next::More(Place::Replay { token }.cursor(cloud.era)),
        (true, false) => Next::More(Place::Follow { token }.cursor(cloud.era)),
        (false, _) => Next::Settled(Place::Follow { token }.cursor(cloud.era)),
    };
    let is_stale = matches!(verdict.trouble, Some((Trouble::Stale, _)));
    let mut entries = Vec::new();
    for (_, number) in news {
        if let Some(before) = cloud.seen_before(number).filter(|_| is_stale) {
            entries.push(Entry::Is(Box::new(before)));
        }
        entries.extend(entry(cloud, number));
    }
    ChangePage {
        entries,
        is_snapshot,
        next,
    }
}

fn entry(cloud: &Cloud, number: u64) -> Option<Entry> {
    match cloud.seen(number) {
        Some(item) => Some(Entry::Is(Box::new(item))),
        None => Some(Entry::Gone(cloud.id_of(number))),
    }
}

fn told(page: &ChangePage) -> String {
    let entries = page.entries.iter().map(|entry| match entry {
        Entry::Is(item) if item.is_trashed => format!("{} in the trash", item.id.0),
        Entry::Is(item) => format!("{} is {:?} in {:?}", item.id.0, item.name, item.parent),
        Entry::Gone(id) => format!("{} gone", id.0),
    });
    let entries: Vec<String> = entries.collect();
    format!("{} -> {:?}", entries.join(", "), page.next)
}
