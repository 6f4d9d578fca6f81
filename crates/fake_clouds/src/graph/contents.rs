//! Contents: put through the API when small, and fetched from the other origin.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, header};

use super::answer::{Reply, Trouble};
use super::item::{Conflict, Content, Created, Item, Kind, New, Times};
use super::items::{conflict, show};
use super::render::{download_path, etag, media_type};
use super::sessions::Spot;
use super::tree::Drive;
use super::world::{Call, Shared, World, canonical, check_if_match};

/// The longest content that is put in one request.
const MOST_BYTES: usize = 250 * 1024 * 1024;

/// `PUT …/content`. It knows `If-Match`, and nothing of `If-None-Match`.
pub(crate) fn put(shared: &Shared, drive: &mut Drive, spot: &Spot, call: &Call) -> Result<Reply, Trouble> {
    let now_ms = shared.core.clock.now();
    if call.body.len() > MOST_BYTES {
        return Err(Trouble::new(
            413,
            "requestEntityTooLarge",
            "The content is longer than 250 MB.",
        ));
    }
    let asked = conflict(call, &serde_json::Value::Null)?.unwrap_or(Conflict::Replace);
    let is_old = shared.switches.get().old_precondition_words;
    let content = drive.content(call.body.clone(), now_ms);
    let (id, created) = match spot {
        Spot::Item(id) => {
            let item = drive.get(id).cloned().ok_or_else(Trouble::not_found)?;
            check_if_match(&call.headers, drive.kind, &item, is_old)?;
            match (asked, &item.parent) {
                (Conflict::Replace, _) => {
                    drive.replace(id, content, Times::default(), now_ms)?;
                    (id.clone(), Created::Replaced)
                }
                (conflict, Some(folder)) => make(drive, (folder, &item.name), content, conflict, now_ms)?,
                (_, None) => return Err(Trouble::invalid("The root holds no content.")),
            }
        }
        Spot::Named { folder, name } => {
            match drive.child(folder, name) {
                Some(item) => check_if_match(&call.headers, drive.kind, item, is_old)?,
                None if call.headers.contains_key(header::IF_MATCH) => return Err(Trouble::precondition()),
                None => {}
            }
            make(drive, (folder, name), content, asked, now_ms)?
        }
    };
    let status = if created == Created::New { 201 } else { 200 };
    show(shared, drive, &id, call, status)
}

fn make(
    drive: &mut Drive,
    (folder, name): (&str, &str),
    content: Content,
    conflict: Conflict,
    now_ms: i64,
) -> Result<(String, Created), Trouble> {
    drive.create(
        New {
            folder,
            name,
            kind: Kind::File(content),
            conflict,
            times: Times::default(),
        },
        now_ms,
    )
}

/// `GET …/content`: leads to the other origin.
pub(crate) fn redirect(shared: &Shared, drive: &Drive, id: &str, call: &Call) -> Result<Reply, Trouble> {
    if call.headers.contains_key(header::RANGE) {
        shared
            .core
            .record
            .violation("a range was asked of /content, and not of the address that it leads to");
    }
    let item = drive.get(id).ok_or_else(Trouble::not_found)?;
    if item.has_malware {
        let trouble = Trouble::new(403, "accessDenied", "The file is infected.").inner("malwareDetected");
        return Err(trouble.header("x-virus-infected", "EICAR"));
    }
    if item.content().is_none() {
        return Err(Trouble::invalid("The item holds no content."));
    }
    let switches = shared.switches.get();
    Ok(Reply::empty(302).with("location", shared.view(drive, &switches).download_url(item)))
}

/// `GET …/versions/{label}/content`: leads to the other origin as well.
pub(crate) fn redirect_version(
    shared: &Shared,
    drive: &Drive,
    id: &str,
    label: &str,
) -> Result<Reply, Trouble> {
    let item = drive.get(id).ok_or_else(Trouble::not_found)?;
    let number = label
        .strip_suffix(".0")
        .and_then(|number| number.parse::<usize>().ok());
    let version = number.and_then(|number| versions(drive, item).nth(number.checked_sub(1)?));
    let version = version.ok_or_else(Trouble::not_found)?.version;
    let until = shared.core.clock.now() + shared.switches.get().download_ms;
    let path = download_path(&drive.id, &format!("{id}/{version}"), until);
    Ok(Reply::empty(302).with("location", format!("{}{path}", shared.files_url)))
}

fn versions<'a>(drive: &'a Drive, item: &'a Item) -> impl Iterator<Item = &'a Content> {
    drive
        .versions
        .get(&item.id)
        .into_iter()
        .flatten()
        .chain(item.content())
}

/// `GET` and `HEAD /download/{name}` at the other origin.
pub(crate) fn download(
    shared: &Arc<Shared>,
    path_and_query: &str,
    headers: &HeaderMap,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    if headers.contains_key(header::AUTHORIZATION) {
        shared
            .core
            .record
            .violation("an access token was sent to the address of a download");
        return Err(Trouble::new(
            401,
            "unauthenticated",
            "The address takes no access token.",
        ));
    }
    let sealed = seal(path_and_query).ok_or_else(Trouble::not_found)?;
    let whole = match sealed.version {
        Some(version) => format!("{}/{version}", sealed.item),
        None => sealed.item.clone(),
    };
    if download_path(&sealed.drive, &whole, sealed.until_ms) != path_and_query {
        shared
            .core
            .record
            .violation("the address of a download was encoded anew");
        return Err(Trouble::new(401, "unauthenticated", "The address is not sealed."));
    }
    if shared.core.clock.now() >= sealed.until_ms {
        return Err(match switches.download_expired_status {
            403 => Trouble::new(403, "accessDenied", "The address has expired."),
            404 => Trouble::not_found(),
            _ => Trouble::new(401, "unauthenticated", "The address has expired."),
        });
    }
    shared.with(|world| {
        let (name, tag, content) = find(world, &sealed)?;
        let bytes = content
            .bytes
            .ok_or_else(|| Trouble::new(500, "generalException", "The bytes were not kept."))?;
        let reply = part(bytes, headers, switches.ignore_range)?;
        let ascii: String = name
            .chars()
            .map(|each| if each.is_ascii() && each != '"' { each } else { '_' })
            .collect();
        Ok(reply
            .with("content-type", media_type(&name))
            .with("etag", tag)
            .with("content-disposition", format!("attachment; filename=\"{ascii}\"")))
    })
}

/// What the address of a download names.
struct Sealed {
    drive: String,
    item: String,
    version: Option<u64>,
    until_ms: i64,
}

fn seal(path_and_query: &str) -> Option<Sealed> {
    let (path, query) = path_and_query.split_once('?')?;
    let name = URL_SAFE_NO_PAD.decode(path.strip_prefix("/download/")?).ok()?;
    let name = String::from_utf8(name).ok()?;
    let mut parts = name.split('/');
    let (drive, item) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let version = parts.next().and_then(|version| version.parse().ok());
    let pairs = crate::oauth::pairs(query);
    let until = crate::oauth::value(&pairs, "UniqueId")?;
    let until_ms = until.strip_prefix('{')?.strip_suffix('}')?.parse().ok()?;
    Some(Sealed {
        drive,
        item,
        version,
        until_ms,
    })
}

fn find(world: &World, sealed: &Sealed) -> Result<(String, String, Content), Trouble> {
    let drive = world
        .drives
        .get(&canonical(&sealed.drive))
        .ok_or_else(Trouble::not_found)?;
    let item = drive.get(&sealed.item).ok_or_else(Trouble::not_found)?;
    let content = match sealed.version {
        Some(version) => versions(drive, item).find(|content| content.version == version),
        None => item.content(),
    };
    let content = content.cloned().ok_or_else(Trouble::not_found)?;
    Ok((item.name.clone(), etag(drive.kind, item), content))
}

/// The bytes that a Range header asks for.
fn part(bytes: Bytes, headers: &HeaderMap, is_ignored: bool) -> Result<Reply, Trouble> {
    let total = bytes.len();
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .filter(|_| !is_ignored);
    let Some(range) = range else {
        let mut reply = Reply::empty(200);
        reply.body = bytes;
        return Ok(reply);
    };
    let refusal = || {
        Trouble::new(416, "invalidRange", "The range is not within the file.")
            .header("content-range", format!("bytes */{total}"))
    };
    let (first, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .ok_or_else(refusal)?;
    let number = |text: &str| text.parse::<usize>().ok();
    let (first, end) = match (number(first), number(last)) {
        (Some(first), Some(last)) => (first, last.saturating_add(1).min(total)),
        (Some(first), None) if last.is_empty() => (first, total),
        // More than there is from the end is refused, against RFC 9110 14.1.2.
        (None, Some(count)) if first.is_empty() && count <= total => (total - count, total),
        _ => return Err(refusal()),
    };
    if first >= end {
        return Err(refusal());
    }
    let mut reply = Reply::empty(206).with("content-range", format!("bytes {first}-{}/{total}", end - 1));
    reply.body = bytes.slice(first..end);
    Ok(reply)
}
