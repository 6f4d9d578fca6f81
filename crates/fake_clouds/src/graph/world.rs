//! Everything that the service knows, and how a request gets at it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use super::answer::Trouble;
use super::delta::Link;
use super::item::{DriveType, Item};
use super::notices::{Notice, Subscription};
use super::render::{View, ctag, etag};
use super::sessions::Session;
use super::switches::GraphSwitches;
use super::tree::Drive;
use crate::control::Switches;
use crate::oauth::{Keys, Tokens};
use crate::{Core, Dice};

/// What all parts of the fake hold together.
pub(crate) struct Shared {
    pub(crate) core: Core,
    pub(crate) switches: Switches<GraphSwitches>,
    pub(crate) tokens: Tokens,
    pub(crate) keys: Keys,
    pub(crate) dice: Dice,
    pub(crate) options: super::GraphOptions,
    /// The second origin, of downloads, uploads and copies in progress.
    pub(crate) files_url: String,
    pub(crate) world: Mutex<World>,
}

/// The service's state.
#[derive(Default)]
pub(crate) struct World {
    /// By their ids, written the one right way.
    pub(crate) drives: BTreeMap<String, Drive>,
    /// By address of electronic mail.
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) sessions: BTreeMap<String, Session>,
    /// What the tokens in links stand for, by the tokens as they were given out.
    pub(crate) links: HashMap<String, Link>,
    pub(crate) copies: BTreeMap<String, CopyJob>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// Office files that the service will rewrite: when, and which version of what.
    pub(crate) rewrites: Vec<Rewrite>,
    /// Up to which change each drive was searched for such files.
    looked_at: HashMap<String, u64>,
    /// Who signs in next, if anybody was named.
    pub(crate) next_person: Option<String>,
    /// With what error the next sign-in ends.
    pub(crate) next_denial: Option<String>,
}

/// An account and what it may see.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) drive: String,
    /// Drives of others.
    pub(crate) shared: BTreeSet<String>,
    pub(crate) is_provisioned: bool,
    pub(crate) number: u64,
}

/// A copy that goes on.
#[derive(Clone, Debug)]
pub(crate) struct CopyJob {
    pub(crate) item: Option<String>,
    pub(crate) error: Option<&'static str>,
    pub(crate) polls_left: u32,
}

/// An office file that the service will rewrite.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pub(crate) at_ms: i64,
    pub(crate) drive: String,
    pub(crate) item: String,
    pub(crate) version: u64,
}

/// One request to the API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// What comes after `/v1.0`, as it was sent.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The origin that the client believes to speak to, with `/v1.0`.
    pub(crate) base: String,
    pub(crate) account: String,
}

impl Call {
    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A value of the query.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        crate::oauth::value(&self.pairs, name)
    }

    /// The body as JSON; an empty body is an empty object.
    pub(crate) fn json(&self) -> Result<serde_json::Value, Trouble> {
        if self.body.is_empty() {
            return Ok(serde_json::json!({}));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| Trouble::new(400, "BadRequest", "Unable to read JSON request payload."))
    }
}

/// A drive's id, written the one right way: some endpoints write that of a personal drive in another case or
/// lose a zero in front.
pub(crate) fn canonical(id: &str) -> String {
    if id.starts_with("b!") {
        id.to_owned()
    } else {
        format!("{:0>16}", id.to_lowercase())
    }
}

impl Shared {
    /// Does something to the world, and sends the notices of what it changed.
    pub(crate) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut World) -> R) -> R {
        let mut world = self.world.lock().expect("nobody panics while holding it");
        let switches = self.switches.get();
        let now_ms = self.core.clock.now();
        world.rewrite_due(now_ms);
        let result = act(&mut world);
        world.plan_rewrites(&switches);
        let notices = world.notices(&switches, now_ms);
        drop(world);
        Notice::send_all(notices);
        result
    }

    /// How to show items of a drive.
    pub(crate) fn view<'a>(&'a self, drive: &'a Drive, switches: &'a GraphSwitches) -> View<'a> {
        View {
            drive,
            switches,
            origin: &self.files_url,
            now_ms: self.core.clock.now(),
        }
    }

    /// A name for something new.
    pub(crate) fn name(&self, length: usize) -> String {
        self.dice.text(length, crate::dice::LETTERS)
    }
}

impl World {
    /// A drive that an account may see.
    pub(crate) fn drive(&self, account: &str, id: &str) -> Result<&Drive, Trouble> {
        let id = canonical(id);
        let account = self.accounts.get(account).ok_or_else(Trouble::not_found)?;
        if account.drive != id && !account.shared.contains(&id) {
            return Err(Trouble::new(
                404,
                "itemNotFound",
                "The requested drive was not found.",
            ));
        }
        self.drives.get(&id).ok_or_else(Trouble::not_found)
    }

    /// A drive by the id that was checked before.
    pub(crate) fn drive_mut(&mut self, id: &str) -> Result<&mut Drive, Trouble> {
        self.drives.get_mut(id).ok_or_else(Trouble::not_found)
    }

    /// Remembers which files the service will rewrite, of those that came since the last look.
    fn plan_rewrites(&mut self, switches: &GraphSwitches) {
        const REWRITTEN: &[&str] = &[".docx", ".xlsx", ".pptx", ".html", ".htm", ".aspx"];
        for drive in self.drives.values() {
            let seen = self.looked_at.insert(drive.id.clone(), drive.seq()).unwrap_or(0);
            let Some(delay_ms) = switches.office_rewrite_ms else {
                continue;
            };
            if drive.kind == DriveType::Personal {
                continue;
            }
            let first_new = drive.log.partition_point(|change| change.seq <= seen);
            for change in &drive.log[first_new..] {
                let Some(content) = change.item.content() else {
                    continue;
                };
                let is_office = REWRITTEN
                    .iter()
                    .any(|end| change.item.name.to_lowercase().ends_with(end));
                let is_rewritten = content.bytes.as_ref().is_none_or(|bytes| bytes.ends_with(MARK));
                if is_office && !is_rewritten {
                    self.rewrites.push(Rewrite {
                        at_ms: content.at_ms + delay_ms,
                        drive: drive.id.clone(),
                        item: change.item.id.clone(),
                        version: content.version,
                    });
                }
            }
        }
    }

    /// Rewrites what is due.
    pub(crate) fn rewrite_due(&mut self, now_ms: i64) {
        let (due, later) = std::mem::take(&mut self.rewrites)
            .into_iter()
            .partition(|each| each.at_ms <= now_ms);
        self.rewrites = later;
        let due: Vec<Rewrite> = due;
        for each in due {
            let Some(drive) = self.drives.get_mut(&each.drive) else {
                continue;
            };
            let Some(item) = drive.get(&each.item).cloned() else {
                continue;
            };
            let Some(content) = item.content().filter(|content| content.version == each.version) else {
                continue;
            };
            let mut bytes = content.bytes.clone().unwrap_or_default().to_vec();
            bytes.extend_from_slice(MARK);
            let content = drive.content(bytes.into(), now_ms);
            // A full drive is no reason to stop here, nor is a lock.
            drive.replace(&item.id, content, item.times, now_ms).ok();
        }
    }
}

/// What the service appends to office files.
const MARK: &[u8] = b"<!-- SharePoint -->";

/// Holds an item against `If-Match`, which may name either of its tags.
pub(crate) fn check_if_match(
    headers: &HeaderMap,
    kind: DriveType,
    item: &Item,
    is_old: bool,
) -> Result<(), Trouble> {
    let Some(wanted) = headers
        .get(header::IF_MATCH)
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(());
    };
    check_tag(wanted, kind, item, is_old)
}

/// Holds an item against one tag.
pub(crate) fn check_tag(wanted: &str, kind: DriveType, item: &Item, is_old: bool) -> Result<(), Trouble> {
    if matches(wanted, kind, item) {
        return Ok(());
    }
    if is_old {
        return Err(Trouble::new(412, "notAllowed", "ETag does not match").inner("preconditionFailed"));
    }
    Err(Trouble::precondition())
}

/// Whether a header of conditions names a tag of the item. Tags of personal drives stand without quotes in items,
/// so that a client may put some around; those of organizations hold theirs.
pub(crate) fn matches(wanted: &str, kind: DriveType, item: &Item) -> bool {
    let is_same =
        |tag: &str| wanted == tag || (kind == DriveType::Personal && wanted == format!("\"{tag}\""));
    wanted == "*" || is_same(&etag(kind, item)) || ctag(kind, item).is_some_and(|tag| is_same(&tag))
}
