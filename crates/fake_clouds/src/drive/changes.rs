//! The feed of changes.

use axum::response::Response;
use serde_json::{Value, json};

use super::Drive;
use super::answer::{Fail, json_response};
use super::call::{Call, Caller};
use super::render::View;
use super::world::{Entry, World};
use crate::clock::rfc3339;

const USUAL_FIELDS: &str = "kind,nextPageToken,newStartPageToken,\
                            changes(kind,type,changeType,time,removed,fileId,file(kind,id,name,mimeType))";
/// The first number that a token can be; Google's do not begin at nothing either.
const FIRST_TOKEN: u64 = 1000;

/// What a page of changes is about.
struct Asked {
    corpus: String,
    from: u64,
    size: usize,
    has_removed: bool,
    has_drives: bool,
    is_own_only: bool,
}

impl Drive {
    /// `GET changes/startPageToken`.
    pub(super) fn start_page_token(&self, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("driveId teamDriveId");
        call.all_drives()?;
        let mask = call.mask("StartPageToken", "kind,startPageToken")?;
        let corpus = self.corpus(call, caller)?;
        let world = self.world();
        let next = self.first_hidden(&world, &corpus);
        let token = self.change_token(&corpus, next);
        drop(world);
        let body = json!({"kind": "drive#startPageToken", "startPageToken": token});
        Ok(json_response(200, &mask.prune(body)))
    }

    /// `GET changes`.
    pub(super) fn list_changes(&self, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect(
            "driveId includeCorpusRemovals includeItemsFromAllDrives includeLabels includePermissionsForView \
             includeRemoved includeTeamDriveItems pageSize pageToken restrictToMyDrive spaces teamDriveId",
        );
        call.all_drives()?;
        let mask = call.mask("ChangeList", USUAL_FIELDS)?;
        let asked = self.asked_changes(call, caller)?;
        let switches = self.switches.get();
        let world = self.world();
        // Who was told of something is not told again because the lag grew.
        let hidden = self.first_hidden(&world, &asked.corpus).max(asked.from);
        let (page, next) = page(&world, &asked, hidden, switches.changes_repeat);
        let view = View {
            world: &world,
            email: &caller.email,
            switches: &switches,
            origin: &call.origin,
        };
        let change_mask = mask.of("changes");
        let shown = page.iter().filter_map(|entry| {
            let file = world.file(&entry.id);
            let is_removed = entry.is_removed || file.is_none();
            if file.is_some_and(|file| !is_removed && !super::sees(&world, caller, file)) {
                return None;
            }
            let mut change = json!({
                "kind": "drive#change", "type": "file", "changeType": "file", "fileId": entry.id,
                "removed": is_removed, "time": rfc3339(entry.at_ms),
            });
            change = change_mask.prune(change);
            if let Some(file) = file.filter(|_| !is_removed && change_mask.has("file")) {
                change["file"] = view.file(file, change_mask.of("file"));
            }
            Some(change)
        });
        let changes: Vec<Value> = shown.collect();
        let token = self.change_token(&asked.corpus, next.unwrap_or(hidden));
        drop(world);

        let name = if next.is_some() {
            "nextPageToken"
        } else {
            "newStartPageToken"
        };
        let mut body = mask.prune(json!({"kind": "drive#changeList", name: token}));
        if mask.has("changes") {
            body["changes"] = json!(changes);
        }
        Ok(json_response(200, &body))
    }

    fn asked_changes(&self, call: &Call, caller: &Caller) -> Result<Asked, Fail> {
        let corpus = self.corpus(call, caller)?;
        let switches = self.switches.get();
        match switches.change_tokens_refused {
            0 => {}
            400 => return Err(Fail::invalid("pageToken")),
            status => {
                return Err(Fail::new(
                    status,
                    "notFound",
                    "The page token is no longer known.",
                ));
            }
        }
        let missing = || Fail::new(400, "required", "Required parameter: pageToken").at("pageToken");
        let token = call.parameter("pageToken").ok_or_else(missing)?;
        let issued = self.change_tokens();
        let from = issued
            .get(token)
            .filter(|(is, _)| *is == corpus)
            .map(|(_, from)| *from);
        drop(issued);
        let limit = match switches.page_size_limit {
            0 => usize::MAX,
            limit => limit,
        };
        Ok(Asked {
            corpus,
            from: from.ok_or_else(|| Fail::invalid("pageToken"))?,
            size: call.page_size(100, 1000)?.min(limit),
            has_removed: call.parameter("includeRemoved") != Some("false"),
            has_drives: call.flag("includeItemsFromAllDrives")?,
            is_own_only: call.flag("restrictToMyDrive")?,
        })
    }

    /// Whose log is asked for.
    pub(super) fn corpus(&self, call: &Call, caller: &Caller) -> Result<String, Fail> {
        let Some(id) = call.parameter("driveId") else {
            return Ok(caller.email.clone());
        };
        let world = self.world();
        let drive = world
            .drives
            .get(id)
            .filter(|drive| drive.members.contains(&caller.email));
        if drive.is_none() || !call.flag("supportsAllDrives")? {
            return Err(Fail::new(404, "notFound", format!("Shared drive not found: {id}")).at("driveId"));
        }
        Ok(id.to_owned())
    }

    /// The first entry that is not to be seen yet, or the next that there will be.
    fn first_hidden(&self, world: &World, corpus: &str) -> u64 {
        let seen_until = self.core.clock.now() - self.switches.get().changes_lag_ms;
        let entries = world.log(corpus).into_iter().flat_map(|log| &log.entries);
        // Late entries stand last.
        let late = entries
            .rev()
            .take_while(|(_, entry)| entry.at_ms > seen_until)
            .last();
        late.map_or(world.next_entry, |(number, _)| *number)
    }

    fn change_token(&self, corpus: &str, number: u64) -> String {
        let token = (FIRST_TOKEN + number).to_string();
        self.change_tokens()
            .insert(token.clone(), (corpus.to_owned(), number));
        token
    }
}

/// The entries of a page, and where the next begins, if there is one.
fn page<'a>(world: &'a World, asked: &Asked, hidden: u64, repeats: bool) -> (Vec<&'a Entry>, Option<u64>) {
    let Some(log) = world.log(&asked.corpus) else {
        return (Vec::new(), None);
    };
    let mut entries = Vec::new();
    if repeats && let Some((_, last)) = log.entries.range(..asked.from).next_back() {
        entries.push(last);
    }
    let most = entries.len() + asked.size;
    for (number, entry) in log.entries.range(asked.from..hidden) {
        if !is_asked(world, asked, entry) {
            continue;
        }
        if entries.len() == most {
            return (entries, Some(*number));
        }
        entries.push(entry);
    }
    (entries, None)
}

fn is_asked(world: &World, asked: &Asked, entry: &Entry) -> bool {
    let Some(file) = world.file(&entry.id).filter(|_| !entry.is_removed) else {
        return asked.has_removed;
    };
    let is_own = file.owner.as_deref() == Some(asked.corpus.as_str());
    let is_drives = file.drive_id.is_some();
    (!asked.is_own_only || is_own)
        && (!is_drives || asked.has_drives || file.drive_id.as_ref() == Some(&asked.corpus))
}
