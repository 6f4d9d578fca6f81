//! `delta`: what changed in a drive since a token was given out.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Reply, Trouble};
use super::item::{Change, DriveType, Item};
use super::render::{Place, select};
use super::switches::GraphSwitches;
use super::tree::Drive;
use super::world::{Call, Shared, World};

/// The most rows of a page, whatever a client asks for.
const MOST_ROWS: usize = 1000;

/// What a token in a link stands for.
#[derive(Clone, Debug)]
pub(crate) enum Link {
    /// Changes after one; from the beginning without.
    Delta {
        drive: String,
        scope: String,
        since: Option<u64>,
        is_expired: bool,
    },
    /// A further page of changes.
    Page { round: Arc<Round>, offset: usize },
    /// Children after a name; or after so many, where what happens meanwhile shifts pages.
    Children { after: String, count: usize },
    /// A link that never works.
    Broken,
}

/// One answer to `delta`, in as many pages as it takes.
#[derive(Debug)]
pub(crate) struct Round {
    drive: String,
    scope: String,
    rows: Vec<Row>,
    /// The change up to which it tells.
    upto: u64,
    top: usize,
    fields: Option<String>,
}

#[derive(Clone, Debug)]
enum Row {
    Item(Box<Item>),
    /// An item of which nothing but the id is known.
    Odd(String),
}

/// How a round is asked for.
struct Asked<'a> {
    since: Option<u64>,
    scope: &'a str,
    without_parents: bool,
}

/// `GET …/delta`, with the token that came with it or in `delta(token='…')`.
pub(crate) fn delta(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    (drive, scope): (&str, &str),
    inline: Option<&str>,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    check_scope(world.drive_mut(drive)?, scope)?;
    let token = match inline {
        Some(token) => Some(token.to_owned()),
        None => raw_value(&call.query, "token").map(str::to_owned),
    };
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return start(shared, world, call, (drive, scope), None);
    };
    if token == "latest" {
        let upto = visible(world.drive_mut(drive)?, &switches, shared.core.clock.now());
        let round = Round {
            drive: drive.to_owned(),
            scope: scope.to_owned(),
            rows: Vec::new(),
            upto,
            top: 1,
            fields: None,
        };
        return page(shared, world, call, &Arc::new(round), 0);
    }
    if let Some(code) = switches.delta_gone.clone() {
        shared.switches.set(|switches| switches.delta_gone = None);
        return Err(gone(shared, world, call, (drive, scope), &code));
    }
    match find(shared, world, &token)? {
        Link::Delta { is_expired: true, .. } => {
            Err(gone(shared, world, call, (drive, scope), "resyncRequired"))
        }
        Link::Delta {
            drive: of,
            scope: below,
            since,
            ..
        } if of == drive && below == scope => start(shared, world, call, (drive, scope), since),
        Link::Page { round, offset } => {
            if switches.delta_page_404s > 0 {
                shared.switches.set(|switches| switches.delta_page_404s -= 1);
                return Err(Trouble::not_found());
            }
            page(shared, world, call, &round, offset)
        }
        Link::Broken => Err(Trouble::new(
            500,
            "generalException",
            "General exception while processing.",
        )),
        Link::Delta { .. } | Link::Children { .. } => {
            Err(Trouble::invalid("The token is of something else."))
        }
    }
}

/// Organizations tell of changes below the root and below the app's folder, not below any other.
fn check_scope(drive: &Drive, scope: &str) -> Result<(), Trouble> {
    let is_special = scope == drive.root || drive.get(scope).is_some_and(|item| item.special.is_some());
    if drive.kind == DriveType::Business && !is_special {
        return Err(Trouble::new(
            501,
            "notSupported",
            "view.delta can only be called on the root.",
        ));
    }
    Ok(())
}

/// A token's meaning. Tokens are compared as they were given out; who decodes and encodes them anew is told so.
pub(crate) fn find(shared: &Shared, world: &World, token: &str) -> Result<Link, Trouble> {
    if let Some(link) = world.links.get(token) {
        return Ok(link.clone());
    }
    let plain = crate::oauth::percent_decode(token);
    if world
        .links
        .keys()
        .any(|known| crate::oauth::percent_decode(known) == plain)
    {
        shared
            .core
            .record
            .violation(format!("the token of a link was encoded anew: {token}"));
    }
    Err(Trouble::invalid("The sync token is not valid."))
}

/// The text of a value in a query, as it was sent.
pub(crate) fn raw_value<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(each, _)| *each == name)
        .map(|(_, value)| value)
}

/// Keeps what a link means, and returns the token for it, in an encoding that no client would choose.
pub(crate) fn keep(shared: &Shared, world: &mut World, link: Link) -> String {
    let token = format!("MzslMjM0%3b{}%7e", shared.name(40));
    world.links.insert(token.clone(), link);
    token
}

fn start(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    (id, scope): (&str, &str),
    since: Option<u64>,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let drive = world.drive_mut(id)?;
    let upto = visible(drive, &switches, shared.core.clock.now()).max(since.unwrap_or(0));
    let without_parents = call.header("deltaexcludeparent").is_some();
    let rows = rows(
        drive,
        &switches,
        upto,
        &Asked {
            since,
            scope,
            without_parents,
        },
    );
    let top = call
        .value("$top")
        .and_then(|top| top.parse().ok())
        .map_or(switches.delta_page, |top: usize| top.min(switches.delta_page));
    let round = Round {
        drive: id.to_owned(),
        scope: scope.to_owned(),
        rows,
        upto,
        top: top.clamp(1, MOST_ROWS),
        fields: call.value("$select").map(str::to_owned),
    };
    let round = Arc::new(round);
    if switches.empty_page {
        let token = keep(shared, world, Link::Page { round, offset: 0 });
        let next = format!("{}?token={token}", own_address(call, id, scope));
        return Ok(Reply::json(200, &json!({ "value": [], "@odata.nextLink": next })));
    }
    page(shared, world, call, &round, 0)
}

/// The last change that `delta` tells of by now.
fn visible(drive: &Drive, switches: &GraphSwitches, now_ms: i64) -> u64 {
    let count = drive
        .log
        .partition_point(|change| change.at_ms <= now_ms - switches.delta_lag_ms);
    drive.log[..count].last().map_or(0, |change| change.seq)
}

fn page(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    round: &Arc<Round>,
    offset: usize,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let drive = world.drive_mut(&round.drive)?;
    let end = (offset + round.top).min(round.rows.len());
    let view = shared.view(drive, &switches);
    let shown = round.rows[offset..end].iter().map(|row| match row {
        Row::Item(item) => select(view.item(item, Place::Delta), round.fields.as_deref()),
        Row::Odd(id) => json!({ "id": id, "file": {} }),
    });
    let mut answer = json!({ "value": shown.collect::<Vec<Value>>() });
    let (name, link) = if end < round.rows.len() {
        (
            "@odata.nextLink",
            Link::Page {
                round: round.clone(),
                offset: end,
            },
        )
    } else {
        let (drive, scope) = (round.drive.clone(), round.scope.clone());
        (
            "@odata.deltaLink",
            Link::Delta {
                drive,
                scope,
                since: Some(round.upto),
                is_expired: false,
            },
        )
    };
    let token = keep(shared, world, link);
    answer[name] = format!("{}?token={token}", own_address(call, &round.drive, &round.scope)).into();
    Ok(Reply::json(200, &answer))
}

fn own_address(call: &Call, drive: &str, scope: &str) -> String {
    format!(
        "{}/drives/{}/items/{}/delta",
        call.base,
        drive,
        scope.replace('!', "%21")
    )
}

/// Everything is to be told anew.
fn gone(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    (drive, scope): (&str, &str),
    code: &str,
) -> Trouble {
    let is_broken = shared.switches.get().delta_gone_link_broken;
    let fresh = Link::Delta {
        drive: drive.to_owned(),
        scope: scope.to_owned(),
        since: None,
        is_expired: false,
    };
    let token = keep(shared, world, if is_broken { Link::Broken } else { fresh });
    // The codes come from tests, so that any can be tried.
    let code: &'static str = KNOWN_CODES
        .iter()
        .find(|known| **known == code)
        .copied()
        .unwrap_or("resyncRequired");
    Trouble::new(
        410,
        code,
        "Resync required. Replace any local items with the server's version.",
    )
    .inner(code)
    .header(
        "location",
        format!("{}?token={token}", own_address(call, drive, scope)),
    )
}

const KNOWN_CODES: &[&str] = &[
    "resyncRequired",
    "resyncChangesApplyDifferences",
    "resyncChangesUploadDifferences",
    "resyncApplyDifferences",
    "resyncUploadDifferences",
    "syncStateNotFound",
];

/// The rows of a round, parents before their children unless it was switched.
fn rows(drive: &Drive, switches: &GraphSwitches, upto: u64, asked: &Asked<'_>) -> Vec<Row> {
    let end = drive.log.partition_point(|change| change.seq <= upto);
    let begin = drive
        .log
        .partition_point(|change| change.seq <= asked.since.unwrap_or(0));
    let states = Latest::of(&drive.log[..end]);
    let mut told: HashSet<&str> = drive.log[begin..end]
        .iter()
        .map(|change| change.item.id.as_str())
        .collect();
    if asked.since.is_none() {
        told.retain(|id| states.is_alive(id));
    }
    told.retain(|id| states.is_within(id, asked.scope));
    if switches.delta_loses_deletes {
        told.retain(|id| states.is_alive(id));
    }
    if !asked.without_parents {
        let above: HashSet<&str> = told.iter().flat_map(|id| states.above(id).to_vec()).collect();
        told.extend(above.into_iter().filter(|id| states.is_within(id, asked.scope)));
    }
    let mut items: Vec<&Change> = told
        .iter()
        .filter_map(|id| states.changes.get(id).copied())
        .collect();
    items.sort_by_cached_key(|change| (states.above(&change.item.id).len(), change.seq));
    if switches.delta_children_first {
        items.reverse();
    }
    let mut rows = Vec::new();
    if switches.delta_repeats {
        let older = items
            .iter()
            .map(|change| older(&drive.log[..end], &change.item.id).unwrap_or(&change.item));
        rows.extend(older.map(|item| Row::Item(Box::new(item.clone()))));
    }
    rows.extend(
        items
            .iter()
            .map(|change| Row::Item(Box::new(change.item.clone()))),
    );
    if switches.delta_odd_rows {
        rows.insert(rows.len() / 2, Row::Odd(format!("{}odd", drive.root)));
    }
    rows
}

/// How an item was before its last change.
fn older<'a>(log: &'a [Change], id: &str) -> Option<&'a Item> {
    log.iter()
        .rev()
        .filter(|change| change.item.id == id)
        .nth(1)
        .map(|change| &change.item)
}

/// The latest state of every item at some point of the log.
struct Latest<'a> {
    changes: HashMap<&'a str, &'a Change>,
    /// For each folder that was asked about: itself, then those above it.
    lines: RefCell<HashMap<&'a str, Rc<[&'a str]>>>,
}

impl<'a> Latest<'a> {
    fn of(log: &'a [Change]) -> Self {
        let changes = log
            .iter()
            .map(|change| (change.item.id.as_str(), change))
            .collect();
        Self {
            changes,
            lines: RefCell::default(),
        }
    }

    fn is_alive(&self, id: &str) -> bool {
        let is_there = |id: &str| self.changes.get(id).is_some_and(|change| !change.item.is_deleted);
        is_there(id) && self.above(id).iter().all(|above| is_there(above))
    }

    /// The folders above an item, the nearest first.
    fn above(&self, id: &str) -> Rc<[&'a str]> {
        let parent = self
            .changes
            .get(id)
            .and_then(|change| change.item.parent.as_deref());
        parent.map_or_else(|| Rc::from([]), |parent| self.line(parent))
    }

    fn line(&self, folder: &'a str) -> Rc<[&'a str]> {
        if let Some(line) = self.lines.borrow().get(folder) {
            return line.clone();
        }
        let mut line = Vec::new();
        let mut next = Some(folder);
        while let Some(change) = next.and_then(|id| self.changes.get(id)) {
            line.push(change.item.id.as_str());
            next = change.item.parent.as_deref();
        }
        let line: Rc<[&str]> = line.into();
        self.lines.borrow_mut().insert(folder, line.clone());
        line
    }

    fn is_within(&self, id: &str, scope: &str) -> bool {
        id == scope || self.above(id).contains(&scope)
    }
}
