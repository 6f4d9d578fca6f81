//! What comes to `/v1.0`: who asks, what for, and which part answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use super::address::{Address, Base, Whose, parse};
use super::answer::{Reply, Trouble};
use super::item::{Conflict, DriveType, Kind, New, Times};
use super::tree::Drive;
use super::world::{Call, Shared, World};
use super::{contents, delta, items, notices, sessions};

/// The most requests of a batch.
const MOST_IN_BATCH: usize = 20;

/// What an access token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowed {
    reads: bool,
    writes: bool,
    /// Only what is in the app's own folder.
    in_app_folder: bool,
}

/// Answers a request whose access token is good.
pub(crate) async fn answer(shared: &Arc<Shared>, call: &Call, scopes: &[String]) -> Reply {
    let now_ms = shared.core.clock.now();
    let answered = match parse(&call.path) {
        Ok(Address::Batch) => batch(shared, call, scopes).await,
        Ok(Address::Subscriptions) if call.method == Method::POST => notices::subscribe(shared, call).await,
        Ok(address) => shared.with(|world| route(shared, world, call, scopes, address)),
        Err(trouble) => Err(trouble),
    };
    answered.unwrap_or_else(|trouble| trouble.reply(now_ms))
}

fn route(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    scopes: &[String],
    address: Address,
) -> Result<Reply, Trouble> {
    match address {
        Address::Me => {
            let account = world.accounts.get(&call.account).ok_or_else(Trouble::not_found)?;
            Ok(Reply::json(200, &super::oauth::profile(account)))
        }
        Address::Drives => {
            let id = drive_id(world, call, &Whose::Mine)?;
            let drive = show_drive(shared, world, call, &id)?;
            Ok(Reply::json(200, &json!({ "value": [drive] })))
        }
        Address::Drive(whose) => {
            allowed(call, scopes)?;
            let account = world.accounts.get(&call.account).ok_or_else(Trouble::not_found)?;
            if shared.switches.get().unprovisioned && !account.is_provisioned {
                return Err(Trouble::not_found());
            }
            let id = drive_id(world, call, &whose)?;
            Ok(Reply::json(200, &show_drive(shared, world, call, &id)?))
        }
        Address::Item {
            whose,
            base,
            path,
            action,
        } => {
            let allowed = allowed(call, scopes)?;
            let drive = drive_id(world, call, &whose)?;
            if let Some(account) = world.accounts.get_mut(&call.account) {
                account.is_provisioned = true;
            }
            let place = Place {
                drive,
                base,
                path,
                action,
            };
            item(shared, world, call, &place, allowed)
        }
        Address::Subscriptions => notices::manage(world, call, None, shared.core.clock.now()),
        Address::Subscription(id) => notices::manage(world, call, Some(&id), shared.core.clock.now()),
        Address::Batch => Err(Trouble::invalid("A batch within a batch.")),
    }
}

/// Reads what the token's scopes allow, and refuses what they do not.
fn allowed(call: &Call, scopes: &[String]) -> Result<Allowed, Trouble> {
    let has = |name: &str| {
        scopes.iter().any(|scope| {
            scope
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .eq_ignore_ascii_case(name)
        })
    };
    let writes = has("Files.ReadWrite") || has("Files.ReadWrite.All") || has(".default");
    let reads = writes || has("Files.Read") || has("Files.Read.All");
    let in_app_folder = !reads && has("Files.ReadWrite.AppFolder");
    let allowed = Allowed {
        reads: reads || in_app_folder,
        writes: writes || in_app_folder,
        in_app_folder,
    };
    let is_reading = matches!(call.method.as_str(), "GET" | "HEAD");
    if (is_reading && allowed.reads) || allowed.writes {
        return Ok(allowed);
    }
    Err(Trouble::new(
        403,
        "accessDenied",
        "Either scp or roles claim need to be present in the token.",
    ))
}

fn drive_id(world: &World, call: &Call, whose: &Whose) -> Result<String, Trouble> {
    match whose {
        Whose::Mine => Ok(world
            .accounts
            .get(&call.account)
            .ok_or_else(Trouble::not_found)?
            .drive
            .clone()),
        Whose::Id(id) => Ok(world.drive(&call.account, id)?.id.clone()),
    }
}

fn show_drive(shared: &Shared, world: &mut World, call: &Call, id: &str) -> Result<Value, Trouble> {
    let switches = shared.switches.get();
    let drive = world.drive_mut(id)?;
    let (mut total, mut used) = (drive.quota_bytes, drive.used_bytes);
    if switches.quota_unknown {
        (total, used) = (0, 0);
    }
    let free = total.saturating_sub(used);
    let state = match free {
        _ if total == 0 => "normal",
        0 => "exceeded",
        free if free < total / 100 => "critical",
        free if free < total / 10 => "nearing",
        _ => "normal",
    };
    Ok(json!({
        "@odata.context": format!("{}/$metadata#drives/$entity", call.base),
        "id": shared.view(drive, &switches).drive_id(0),
        "driveType": drive.kind.as_str(),
        "name": "OneDrive",
        "owner": { "user": { "displayName": call.account, "id": "1" } },
        "quota": { "total": total, "used": used, "remaining": free, "deleted": 0, "state": state },
    }))
}

/// What an address says of an item.
struct Place {
    drive: String,
    base: Base,
    path: String,
    action: String,
}

fn item(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    place: &Place,
    allowed: Allowed,
) -> Result<Reply, Trouble> {
    let base = base(shared, world, place, allowed)?;
    let drive = world.drive_mut(&place.drive)?;
    let action = place.action.as_str();
    // Only these may lead to where nothing is yet.
    if matches!(
        (call.method.as_str(), action),
        ("PUT", "content" | "") | ("POST", "createUploadSession")
    ) {
        let makes_folders = (action == "content").then(|| shared.core.clock.now());
        let spot = items::spot(drive, &base, &place.path, makes_folders)?;
        return match action {
            "content" => contents::put(shared, drive, &spot, call),
            "" => sessions::finish_as(shared, world, call, spot),
            _ => sessions::create(shared, world, call, &place.drive, spot),
        };
    }
    if (call.method.as_str(), action) == ("POST", "restore") {
        return items::restore(shared, drive, &base, call);
    }
    let found = drive.at(&base, &place.path).ok_or_else(Trouble::not_found)?;
    check_lag(shared, found)?;
    let id = found.id.clone();
    act(shared, world, call, (&place.drive, &id), action)
}

fn act(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    (drive_id, id): (&str, &str),
    action: &str,
) -> Result<Reply, Trouble> {
    let inline = action
        .strip_prefix("delta(")
        .and_then(|rest| rest.strip_suffix(')'));
    if let Some(inline) = inline {
        // The quotes may be left out; an empty pair of parentheses is no token.
        let token = inline
            .strip_prefix("token=")
            .map(|token| token.trim_matches('\''));
        return delta::delta(shared, world, call, (drive_id, id), token);
    }
    let drive = world.drive_mut(drive_id)?;
    match (call.method.as_str(), action) {
        ("GET", "") => items::get(shared, drive, id, call),
        ("PATCH", "") => items::patch(shared, drive, id, call),
        ("DELETE", "") => items::delete(shared, drive, id, call),
        ("GET", "children") => items::children(shared, world, call, drive_id, id),
        ("POST", "children") => items::make_folder(shared, drive, id, call),
        ("GET" | "HEAD", "content") => contents::redirect(shared, drive, id, call),
        ("GET", "delta") => delta::delta(shared, world, call, (drive_id, id), None),
        ("POST", "copy") => items::copy(shared, world, call, drive_id, id),
        ("GET", "versions") => items::versions(drive, id),
        ("POST", "permanentDelete") if drive.kind == DriveType::Business => {
            items::delete(shared, drive, id, call)
        }
        ("GET", "subscriptions/socketIo") => {
            let url = format!("{}/socket.io/?token={}", shared.files_url, shared.name(20));
            Ok(Reply::json(
                200,
                &json!({ "id": shared.name(36), "notificationUrl": url }),
            ))
        }
        ("GET", _) => {
            let label = action
                .strip_prefix("versions/")
                .and_then(|rest| rest.strip_suffix("/content"));
            let label = label.ok_or_else(|| unknown(action))?;
            contents::redirect_version(shared, drive, id, label)
        }
        _ => Err(unknown(action)),
    }
}

fn unknown(action: &str) -> Trouble {
    Trouble::new(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{action}'."),
    )
}

/// The item from which the path goes on. The app's folder is made when it is first asked for.
fn base(shared: &Shared, world: &mut World, place: &Place, allowed: Allowed) -> Result<String, Trouble> {
    let drive = world.drive_mut(&place.drive)?;
    let base = match &place.base {
        Base::Root => drive.root.clone(),
        Base::Id(id) => id.clone(),
        Base::AppRoot => app_folder(drive, shared.core.clock.now())?,
    };
    if allowed.in_app_folder {
        let app = app_folder(drive, shared.core.clock.now())?;
        let target = drive
            .at(&base, &place.path)
            .map_or(base.clone(), |item| item.id.clone());
        if !drive.is_within(&target, &app) {
            return Err(Trouble::new(
                403,
                "accessDenied",
                "The app may see its own folder only.",
            ));
        }
    }
    Ok(base)
}

/// The app's own folder.
pub(crate) fn app_folder(drive: &mut Drive, now_ms: i64) -> Result<String, Trouble> {
    let mut folder = drive.root.clone();
    for name in ["Apps", "Cumuli"] {
        folder = match drive.child(&folder, name) {
            Some(item) => item.id.clone(),
            None => {
                let (kind, times, conflict) = (Kind::Folder, Times::default(), Conflict::Fail);
                let id = drive
                    .create(
                        New {
                            folder: &folder,
                            name,
                            kind,
                            conflict,
                            times,
                        },
                        now_ms,
                    )?
                    .0;
                if name == "Cumuli" {
                    drive.mark(&id, |item| item.special = Some("approot"), now_ms)?;
                }
                id
            }
        };
    }
    Ok(folder)
}

/// An item that was just made may not be found yet.
fn check_lag(shared: &Shared, item: &super::item::Item) -> Result<(), Trouble> {
    let switches = shared.switches.get();
    if item.parent.is_none() || shared.core.clock.now() >= item.created_ms + switches.read_lag_ms {
        return Ok(());
    }
    Err(if switches.read_lag_is_400 {
        Trouble::invalid("Invalid request.")
    } else {
        Trouble::not_found()
    })
}

/// `POST /$batch`: each request by itself, those that wait for another after it.
async fn batch(shared: &Arc<Shared>, call: &Call, scopes: &[String]) -> Result<Reply, Trouble> {
    let body = call.json()?;
    let requests = body["requests"]
        .as_array()
        .ok_or_else(|| Trouble::invalid("requests is missing."))?;
    if requests.len() > MOST_IN_BATCH {
        shared
            .core
            .record
            .violation(format!("a batch of {} requests", requests.len()));
        return Err(Trouble::invalid("A batch holds 20 requests at most."));
    }
    let mut answers: Vec<Value> = Vec::new();
    for request in requests {
        let id = &request["id"];
        let needs = request["dependsOn"].as_array().into_iter().flatten();
        let is_failed = |needed: &Value| {
            let answer = answers.iter().find(|answer| answer["id"] == *needed);
            answer.is_none_or(|answer| answer["status"].as_u64().is_none_or(|status| status >= 400))
        };
        let reply = if needs.into_iter().any(is_failed) {
            Trouble::new(
                424,
                "failedDependency",
                "A request that this one waits for failed.",
            )
            .reply(shared.core.clock.now())
        } else if shared.switches.get().batch_429s > 0 {
            shared.switches.set(|switches| switches.batch_429s -= 1);
            let trouble = Trouble::new(429, "activityLimitReached", "Too many requests.");
            trouble.header("retry-after", "7").reply(shared.core.clock.now())
        } else {
            single(shared, call, scopes, request)?
        };
        answers.push(shown(id, &reply));
    }
    // The order is not promised.
    answers.reverse();
    Ok(Reply::json(200, &json!({ "responses": answers })))
}

fn single(shared: &Arc<Shared>, call: &Call, scopes: &[String], request: &Value) -> Result<Reply, Trouble> {
    let url = request["url"]
        .as_str()
        .ok_or_else(|| Trouble::invalid("A url is missing."))?;
    let method = request["method"].as_str().and_then(|method| method.parse().ok());
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        let name = name.parse::<HeaderName>().ok();
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.insert(name, value);
        }
    }
    let body = match &request["body"] {
        Value::Null => Bytes::new(),
        body => body.to_string().into(),
    };
    let inner = Call {
        method: method.ok_or_else(|| Trouble::invalid("A method is missing."))?,
        path: format!("/{}", path.trim_start_matches('/')),
        query: query.to_owned(),
        pairs: crate::oauth::pairs(query),
        headers,
        body,
        base: call.base.clone(),
        account: call.account.clone(),
    };
    let answered = parse(&inner.path)
        .and_then(|address| shared.with(|world| route(shared, world, &inner, scopes, address)));
    Ok(answered.unwrap_or_else(|trouble| trouble.reply(shared.core.clock.now())))
}

fn shown(id: &Value, reply: &Reply) -> Value {
    let headers: serde_json::Map<String, Value> = reply
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    json!({ "id": id, "status": reply.status, "headers": headers, "body": body })
}
