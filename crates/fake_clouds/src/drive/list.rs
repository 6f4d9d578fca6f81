//! `files.list`.

use std::cmp::Ordering;
use std::sync::Arc;

use axum::response::Response;
use serde_json::{Value, json};

use super::Drive;
use super::answer::{Fail, json_response};
use super::call::{Call, Caller};
use super::file::{File, Seen};
use super::query::Query;
use super::render::View;
use super::world::World;
use crate::dice::LETTERS;

/// How long the token of a page is good.
const TOKEN_MS: i64 = 3 * 3_600_000;
const USUAL_FIELDS: &str = "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)";

/// A search that has more pages.
pub struct Listing {
    ids: Arc<Vec<String>>,
    next: usize,
    until_ms: i64,
    /// What was asked, which must not change between pages.
    asked: Vec<(String, String)>,
}

impl Drive {
    /// `GET files`.
    pub(super) fn list_files(&self, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect(
            "corpora corpus driveId includeItemsFromAllDrives includeLabels includePermissionsForView \
             includeTeamDriveItems orderBy pageSize pageToken q spaces teamDriveId",
        );
        call.all_drives()?;
        let mask = call.mask("FileList", USUAL_FIELDS)?;
        let switches = self.switches.get();
        let limit = match switches.page_size_limit {
            0 => usize::MAX,
            limit => limit,
        };
        let size = call.page_size(100, 1000)?.min(limit);
        let (ids, start) = match call.parameter("pageToken") {
            Some(token) => self.listing(token, call)?,
            None => (Arc::new(self.search(call, caller)?), 0),
        };
        let now_ms = self.core.clock.now();
        let world = self.world();
        let view = View {
            world: &world,
            email: &caller.email,
            switches: &switches,
            origin: &call.origin,
        };
        let lagging = world.lagging(now_ms);
        let end = ids.len().min(start + size);
        let file_mask = mask.of("files");
        let shown = ids[start..end].iter().filter_map(|id| {
            let before = lagging.get(id.as_str()).and_then(|before| before.file.as_ref());
            Some(view.file(before.or_else(|| world.file(id))?, file_mask))
        });
        let files: Vec<Value> = if mask.has("files") {
            shown.collect()
        } else {
            Vec::new()
        };
        drop(world);

        let mut body = json!({"kind": "drive#fileList", "incompleteSearch": switches.incomplete_search});
        if end < ids.len() {
            body["nextPageToken"] = json!(self.keep_listing(call, ids, end));
        }
        let mut body = mask.prune(body);
        if mask.has("files") {
            body["files"] = json!(files);
        }
        Ok(json_response(200, &body))
    }

    fn listing(&self, token: &str, call: &Call) -> Result<(Arc<Vec<String>>, usize), Fail> {
        let now_ms = self.core.clock.now();
        let listings = self.listings();
        let listing = listings.get(token).filter(|listing| now_ms < listing.until_ms);
        let listing = listing.filter(|_| !self.switches.get().list_tokens_expired);
        let Some(listing) = listing else {
            return Err(Fail::invalid("pageToken"));
        };
        if listing.asked != asked(call) {
            self.core
                .record
                .violation("a page was asked for with other parameters than the page before");
            return Err(Fail::invalid("pageToken"));
        }
        Ok((listing.ids.clone(), listing.next))
    }

    fn keep_listing(&self, call: &Call, ids: Arc<Vec<String>>, next: usize) -> String {
        // Google's tokens hold characters that must be encoded.
        let token = format!("~!!~{}=/+", self.dice.text(120, LETTERS));
        let listing = Listing {
            ids,
            next,
            until_ms: self.core.clock.now() + TOKEN_MS,
            asked: asked(call),
        };
        self.listings().insert(token.clone(), listing);
        token
    }

    /// The ids of all files that are found, in order.
    fn search(&self, call: &Call, caller: &Caller) -> Result<Vec<String>, Fail> {
        let query = Query::read(call.parameter("q").unwrap_or_default()).ok_or_else(|| Fail::invalid("q"))?;
        let order = order(call.parameter("orderBy").unwrap_or_default())?;
        let scope = Scope::read(call)?;
        let switches = self.switches.get();
        let now_ms = self.core.clock.now();
        let world = self.world();
        let root = world
            .known(&caller.email)
            .map(|me| me.root.clone())
            .unwrap_or_default();
        let query = query.with_parents(&|id| if id == "root" { root.clone() } else { id });
        let parents = query.parents();
        let is_blind = switches.or_parents_finds_nothing && parents.as_ref().is_some_and(|all| all.len() > 1);
        if is_blind || switches.empty_list {
            return Ok(Vec::new());
        }
        if let Some(missing) = parents.iter().flatten().find(|id| world.file(id).is_none()) {
            return Err(Fail::new(404, "notFound", format!("File not found: {missing}.")).at("fileId"));
        }
        let lagging = world.lagging(now_ms);
        let fresh: Box<dyn Iterator<Item = &File>> = match &parents {
            Some(parents) => Box::new(parents.iter().flat_map(|id| world.children(id))),
            None => Box::new(world.files()),
        };
        let late = lagging.values().filter_map(|before| before.file.as_ref());
        let mut found: Vec<&File> = fresh
            .filter(|file| !lagging.contains_key(file.id.as_str()))
            .chain(late)
            .filter(|file| scope.holds(&world, file, caller) && is_found(&world, &query, file, caller))
            .collect();
        found.sort_by(|one, other| compare(&order, one, other));
        Ok(found.into_iter().map(|file| file.id.clone()).collect())
    }
}

/// What was asked, but for where to go on.
fn asked(call: &Call) -> Vec<(String, String)> {
    let is_kept = |name: &str| !matches!(name, "pageToken" | "pageSize" | "fields" | "alt" | "prettyPrint");
    let mut asked: Vec<_> = call
        .query
        .iter()
        .filter(|(name, _)| is_kept(name))
        .cloned()
        .collect();
    asked.sort();
    asked
}

fn is_found(world: &World, query: &Query, file: &File, caller: &Caller) -> bool {
    let seen = Seen {
        file,
        is_trashed: world.is_trashed(file),
        email: &caller.email,
    };
    query.finds(&seen)
}

/// Where a search looks.
struct Scope {
    drive_id: Option<String>,
    has_drives: bool,
}

impl Scope {
    fn read(call: &Call) -> Result<Self, Fail> {
        let drive_id = call.parameter("driveId").map(str::to_owned);
        let has_drives = call.flag("includeItemsFromAllDrives")?;
        let corpora = call.parameter("corpora").unwrap_or("user");
        match (corpora, &drive_id) {
            ("user" | "domain" | "allDrives", None) => {}
            ("drive", Some(_)) if has_drives => {}
            ("drive", Some(_)) => {
                let message = "The includeItemsFromAllDrives parameter must be set to true.";
                return Err(Fail::new(403, "teamDrivesParentLimit", message).at("includeItemsFromAllDrives"));
            }
            _ => return Err(Fail::invalid("corpora")),
        }
        if call.parameter("spaces").is_some_and(|spaces| spaces != "drive") {
            return Err(Fail::invalid("spaces"));
        }
        Ok(Self { drive_id, has_drives })
    }

    fn holds(&self, world: &World, file: &File, caller: &Caller) -> bool {
        let is_here = match (&self.drive_id, &file.drive_id) {
            (Some(asked), is) => is.as_ref() == Some(asked),
            (None, Some(_)) => self.has_drives,
            (None, None) => true,
        };
        let is_top = file.parent.is_none()
            && (file.drive_id.as_ref() == Some(&file.id)
                || world.known(&caller.email).is_some_and(|me| me.root == file.id));
        is_here && !is_top && super::sees(world, caller, file)
    }
}

type Key = (String, bool);

/// The keys of `orderBy`, each with whether it runs backwards.
fn order(text: &str) -> Result<Vec<Key>, Fail> {
    let mut keys = Vec::new();
    for key in text.split(',').map(str::trim).filter(|key| !key.is_empty()) {
        let (name, is_backwards) = match key.strip_suffix(" desc") {
            Some(name) => (name.trim(), true),
            None => (key, false),
        };
        let known = [
            "createdTime",
            "folder",
            "modifiedByMeTime",
            "modifiedTime",
            "name",
            "name_natural",
            "quotaBytesUsed",
            "recency",
            "sharedWithMeTime",
            "starred",
            "viewedByMeTime",
        ];
        if !known.contains(&name) {
            return Err(Fail::invalid("orderBy"));
        }
        keys.push((name.to_owned(), is_backwards));
    }
    Ok(keys)
}

fn compare(keys: &[Key], one: &File, other: &File) -> Ordering {
    let by_key = |(name, is_backwards): &Key| {
        let order = match name.as_str() {
            "createdTime" => one.created_ms.cmp(&other.created_ms),
            "folder" => other.is_folder().cmp(&one.is_folder()),
            "name" | "name_natural" => one.name.to_lowercase().cmp(&other.name.to_lowercase()),
            "quotaBytesUsed" => one.used_bytes().cmp(&other.used_bytes()),
            "starred" => other.is_starred.cmp(&one.is_starred),
            _ => one.modified_ms.cmp(&other.modified_ms),
        };
        if *is_backwards { order.reverse() } else { order }
    };
    let by_keys = keys.iter().map(by_key).find(|order| order.is_ne());
    by_keys.unwrap_or_else(|| one.born.cmp(&other.born))
}
