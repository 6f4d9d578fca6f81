//! Items: reading, listing, making, changing, copying and deleting them.

use std::sync::Arc;

use http::header;
use serde_json::{Value, json};

use super::answer::{Reply, Trouble};
use super::delta::{Link, find, keep, raw_value};
use super::item::{Conflict, Created, DriveType, Item, Kind, New, Patch, Times};
use super::names::folded;
use super::render::{Place, etag, select, time};
use super::sessions::Spot;
use super::tree::Drive;
use super::world::{Call, CopyJob, Shared, World, check_if_match, matches};
use crate::clock::parse_rfc3339;

/// The conflict behaviour that a query or a body asks for.
pub(crate) fn conflict(call: &Call, body: &Value) -> Result<Option<Conflict>, Trouble> {
    let in_query = call
        .pairs
        .iter()
        .find(|(name, _)| name.ends_with(".conflictBehavior"))
        .map(|(_, value)| value.as_str());
    let mut fields = body.as_object().into_iter().flatten();
    // Clients write `@name.`, `@odata.` and `@microsoft.graph.` before it.
    let in_body = fields
        .find(|(name, _)| name.ends_with(".conflictBehavior"))
        .and_then(|(_, value)| value.as_str());
    match in_query.or(in_body) {
        None | Some("") => Ok(None),
        Some("fail") => Ok(Some(Conflict::Fail)),
        Some("replace") => Ok(Some(Conflict::Replace)),
        Some("rename") => Ok(Some(Conflict::Rename)),
        Some(_) => Err(Trouble::invalid("The conflict behavior is not known.")),
    }
}

/// The times in a body's `fileSystemInfo`.
pub(crate) fn times(body: &Value) -> Result<Times, Trouble> {
    let of = |name: &str| match body["fileSystemInfo"][name].as_str() {
        Some(text) => parse_rfc3339(text)
            .map(Some)
            .ok_or_else(|| Trouble::invalid(format!("{name} is no time."))),
        None => Ok(None),
    };
    Ok(Times {
        created_ms: of("createdDateTime")?,
        modified_ms: of("lastModifiedDateTime")?,
    })
}

/// One item's answer.
pub(crate) fn show(
    shared: &Shared,
    drive: &Drive,
    id: &str,
    call: &Call,
    status: u16,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let item = drive.get(id).ok_or_else(Trouble::not_found)?;
    let mut shown = shared.view(drive, &switches).item(item, Place::Listing);
    // With a selection the address comes only when it is named.
    shown = select(shown, call.value("$select"));
    shown["@odata.context"] = format!("{}/$metadata#drives('{}')/items/$entity", call.base, drive.id).into();
    Ok(Reply::json(status, &shown).with("etag", etag(drive.kind, item)))
}

/// `GET` an item.
pub(crate) fn get(shared: &Shared, drive: &Drive, id: &str, call: &Call) -> Result<Reply, Trouble> {
    let item = drive.get(id).ok_or_else(Trouble::not_found)?;
    let known = call
        .headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tag| tag.to_str().ok());
    if known.is_some_and(|known| matches(known, drive.kind, item)) {
        return Ok(Reply::empty(304).with("etag", etag(drive.kind, item)));
    }
    show(shared, drive, id, call, 200)
}

/// `GET …/children`, page by page, each from the listing of now.
pub(crate) fn children(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    drive_id: &str,
    id: &str,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let now_ms = shared.core.clock.now();
    let mut begin = (String::new(), 0);
    let token = raw_value(&call.query, "$skiptoken");
    if let Some(token) = token {
        let Link::Children { after, count } = find(shared, world, token)? else {
            return Err(Trouble::invalid("The token is of something else."));
        };
        begin = (after, count);
    }
    let top = match call.value("$top").map(str::parse::<usize>) {
        None => switches.children_page,
        Some(Ok(top)) if top > 0 => top.min(switches.children_page),
        Some(_) => return Err(Trouble::invalid("$top is no number above zero.")),
    };
    let drive = world.drive_mut(drive_id)?;
    if !drive.get(id).is_some_and(Item::is_folder) {
        return Err(Trouble::invalid("The item is not a folder."));
    }
    let mut all = drive.list(id);
    all.retain(|item| item.created_ms <= now_ms - switches.list_lag_ms);
    let first = match switches.children_shift {
        true => begin.1.min(all.len()),
        false => all.partition_point(|item| folded(&item.name) <= begin.0),
    };
    let is_pause = switches.empty_page && token.is_none() && all.len() > 1;
    let end = if is_pause { 0 } else { (first + top).min(all.len()) };
    let view = shared.view(drive, &switches);
    let rows = &all[first.min(end)..end];
    let shown = rows
        .iter()
        .map(|item| select(view.item(item, Place::Listing), call.value("$select")));
    let mut answer = json!({ "value": shown.collect::<Vec<Value>>() });
    if end < all.len() {
        let after = rows.last().map_or(begin.0, |item| folded(&item.name));
        let next = keep(shared, world, Link::Children { after, count: end });
        let fields = raw_value(&call.query, "$select")
            .map(|fields| format!("&$select={fields}"))
            .unwrap_or_default();
        let id = id.replace('!', "%21");
        let base = &call.base;
        answer["@odata.nextLink"] =
            format!("{base}/drives/{drive_id}/items/{id}/children?$top={top}{fields}&$skiptoken={next}")
                .into();
    }
    Ok(Reply::json(200, &answer))
}

/// `POST …/children`: makes a folder.
pub(crate) fn make_folder(
    shared: &Shared,
    drive: &mut Drive,
    id: &str,
    call: &Call,
) -> Result<Reply, Trouble> {
    let body = call.json()?;
    let name = body["name"]
        .as_str()
        .ok_or_else(|| Trouble::invalid("A name is needed."))?;
    if !body["folder"].is_object() {
        return Err(Trouble::invalid("Only folders can be made like this."));
    }
    let conflict = conflict(call, &body)?.unwrap_or(Conflict::Fail);
    let made = New {
        folder: id,
        name,
        kind: Kind::Folder,
        conflict,
        times: times(&body)?,
    };
    let (id, created) = drive.create(made, shared.core.clock.now())?;
    show(
        shared,
        drive,
        &id,
        call,
        if created == Created::New { 201 } else { 200 },
    )
}

/// `PATCH` an item: its name, its folder, its times.
pub(crate) fn patch(shared: &Shared, drive: &mut Drive, id: &str, call: &Call) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let item = drive.get(id).cloned().ok_or_else(Trouble::not_found)?;
    check_if_match(&call.headers, drive.kind, &item, switches.old_precondition_words)?;
    let body = call.json()?;
    let folder = &body["parentReference"];
    if folder["driveId"]
        .as_str()
        .is_some_and(|id| super::world::canonical(id) != drive.id)
    {
        return Err(Trouble::invalid("Items cannot be moved to another drive.").inner("notSupported"));
    }
    let by_path = folder["path"].as_str().filter(|_| folder["id"].is_null());
    let parent = match by_path.and_then(|path| path.split_once("root:")) {
        Some((_, path)) => Some(drive.at("root", path).ok_or_else(Trouble::not_found)?.id.clone()),
        None => folder["id"].as_str().map(str::to_owned),
    };
    let patch = Patch {
        name: body["name"].as_str(),
        parent: parent.as_deref(),
        times: times(&body)?,
        conflict: conflict(call, &body)?.unwrap_or(Conflict::Fail),
    };
    drive.patch(id, &patch, shared.core.clock.now())?;
    if switches.patch_answers_204 {
        return Ok(Reply::empty(204));
    }
    show(shared, drive, id, call, 200)
}

/// `DELETE` an item.
pub(crate) fn delete(shared: &Shared, drive: &mut Drive, id: &str, call: &Call) -> Result<Reply, Trouble> {
    let item = drive.get(id).cloned().ok_or_else(Trouble::not_found)?;
    check_if_match(
        &call.headers,
        drive.kind,
        &item,
        shared.switches.get().old_precondition_words,
    )?;
    drive.delete(id, shared.core.clock.now())?;
    Ok(Reply::empty(204))
}

/// `POST …/restore`, which organizations do not have.
pub(crate) fn restore(shared: &Shared, drive: &mut Drive, id: &str, call: &Call) -> Result<Reply, Trouble> {
    if drive.kind == DriveType::Business {
        return Err(Trouble::new(
            400,
            "notSupported",
            "Restore is for personal drives.",
        ));
    }
    drive.restore(id, shared.core.clock.now())?;
    show(shared, drive, id, call, 200)
}

/// `POST …/copy`: says at once where the copy's state can be asked, and copies.
pub(crate) fn copy(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    drive_id: &str,
    id: &str,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let now_ms = shared.core.clock.now();
    let body = call.json()?;
    let folder = &body["parentReference"];
    if folder["driveId"]
        .as_str()
        .is_some_and(|other| super::world::canonical(other) != drive_id)
    {
        return Err(Trouble::invalid("This fake copies within one drive only."));
    }
    let drive = world.drive_mut(drive_id)?;
    let source = drive.get(id).cloned().ok_or_else(Trouble::not_found)?;
    let parent = folder["id"]
        .as_str()
        .map(str::to_owned)
        .or_else(|| source.parent.clone())
        .unwrap_or_default();
    let parent = drive.get(&parent).ok_or_else(Trouble::not_found)?.id.clone();
    if drive.is_within(&parent, id) {
        return Err(Trouble::invalid("A folder cannot be copied into itself."));
    }
    let name = body["name"].as_str().unwrap_or(&source.name).to_owned();
    let conflict = conflict(call, &body)?.unwrap_or(Conflict::Fail);
    let copied = if switches.copy_fails {
        Err(Trouble::new(500, "generalException", "The copy failed."))
    } else {
        copy_tree(drive, &source, (&parent, &name), conflict, now_ms)
    };
    let job = CopyJob {
        error: copied.as_ref().err().map(|trouble| trouble.code),
        item: copied.ok(),
        polls_left: switches.copy_polls,
    };
    let job_name = shared.name(32);
    let monitor = format!("{}/monitor/{job_name}", shared.files_url);
    world.copies.insert(job_name, job);
    Ok(Reply::empty(202).with("location", monitor))
}

fn copy_tree(
    drive: &mut Drive,
    source: &Item,
    (folder, name): (&str, &str),
    conflict: Conflict,
    now_ms: i64,
) -> Result<String, Trouble> {
    let kind = match &source.kind {
        Kind::File(old) => {
            Kind::File(drive.content_of(old.hash.clone(), old.size_bytes, old.bytes.clone(), now_ms))
        }
        other => other.clone(),
    };
    let (id, _) = drive.create(
        New {
            folder,
            name,
            kind,
            conflict,
            times: source.times,
        },
        now_ms,
    )?;
    let children: Vec<Item> = drive.list(&source.id).into_iter().cloned().collect();
    for child in children {
        copy_tree(drive, &child, (&id, &child.name), conflict, now_ms)?;
    }
    Ok(id)
}

/// `GET /monitor/{name}` at the other origin: how far a copy is.
pub(crate) fn monitor(shared: &Arc<Shared>, name: &str, is_signed: bool) -> Result<Reply, Trouble> {
    if is_signed {
        shared
            .core
            .record
            .violation("an access token was sent to the address of a copy");
        return Err(Trouble::new(
            401,
            "unauthenticated",
            "The address takes no access token.",
        ));
    }
    shared.with(|world| {
        let job = world.copies.get_mut(name).ok_or_else(Trouble::not_found)?;
        if job.polls_left > 0 {
            job.polls_left -= 1;
            return Ok(Reply::json(
                202,
                &json!({ "status": "inProgress", "percentageComplete": 27.8 }),
            ));
        }
        let answer = match (&job.item, job.error) {
            (Some(id), _) => json!({ "status": "completed", "percentageComplete": 100.0, "resourceId": id }),
            (None, error) => json!({ "status": "failed", "errorCode": error, "error": { "code": error } }),
        };
        Ok(Reply::json(200, &answer))
    })
}

/// `GET …/versions`, the newest first.
pub(crate) fn versions(drive: &Drive, id: &str) -> Result<Reply, Trouble> {
    let item = drive.get(id).ok_or_else(Trouble::not_found)?;
    let now = item
        .content()
        .ok_or_else(|| Trouble::invalid("The item holds no content."))?;
    let older = drive.versions.get(id).into_iter().flatten();
    let mut all: Vec<Value> = older
        .chain([now])
        .enumerate()
        .map(|(at, content)| {
            json!({
                "id": format!("{}.0", at + 1), "size": content.size_bytes,
                "lastModifiedDateTime": time(content.at_ms),
            })
        })
        .collect();
    all.reverse();
    Ok(Reply::json(200, &json!({ "value": all })))
}

/// Where a path below an item leads, making the folders on its way when `makes_folders`.
pub(crate) fn spot(drive: &mut Drive, base: &str, path: &str, now_ms: Option<i64>) -> Result<Spot, Trouble> {
    let path = path.trim_matches('/');
    let mut folder = drive.get(base).ok_or_else(Trouble::not_found)?.id.clone();
    if path.is_empty() {
        return Ok(Spot::Item(folder));
    }
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    for each in above.split('/').filter(|each| !each.is_empty()) {
        let found = drive.child(&folder, each).map(|item| item.id.clone());
        folder = match (found, now_ms) {
            (Some(id), _) => id,
            (None, Some(now_ms)) => {
                let times = Times::default();
                let made = New {
                    folder: &folder,
                    name: each,
                    kind: Kind::Folder,
                    conflict: Conflict::Fail,
                    times,
                };
                drive.create(made, now_ms)?.0
            }
            (None, None) => return Err(Trouble::not_found()),
        };
    }
    Ok(Spot::Named {
        folder,
        name: name.to_owned(),
    })
}
