//! Addresses below `/v1.0`: which drive, which item, and what about it.

use super::answer::Trouble;

/// Which drive is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// That of the account itself.
    Mine,
    /// The one with an id.
    Id(String),
}

/// From where a path goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Root,
    AppRoot,
    Id(String),
}

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `/me`
    Me,
    /// `/me/drives`
    Drives,
    /// `/me/drive`, `/drives/{id}`
    Drive(Whose),
    /// `…/root`, `…/items/{id}`, each with or without a path, and what comes after.
    Item {
        whose: Whose,
        base: Base,
        path: String,
        action: String,
    },
    /// `/subscriptions`
    Subscriptions,
    /// `/subscriptions/{id}`
    Subscription(String),
    /// `/$batch`
    Batch,
}

/// Takes `%41` for `A`, once.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let hex = text.get(at + 1..at + 3)?;
            plain.push(u8::from_str_radix(hex, 16).ok()?);
            at += 3;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(plain).ok()
}

/// Reads what comes after `/v1.0`, as it was sent.
///
/// Names hold neither `:` nor `/`, so the whole is decoded at once and read after that: it does not matter which
/// characters a client encodes.
pub(crate) fn parse(raw: &str) -> Result<Address, Trouble> {
    let path = decoded(raw).ok_or_else(|| Trouble::invalid("The address is not UTF-8."))?;
    let path = path.trim_end_matches('/');
    let unknown = || {
        Trouble::new(
            400,
            "BadRequest",
            format!("Resource not found for the segment '{path}'."),
        )
    };
    match path {
        "/me" => return Ok(Address::Me),
        "/me/drives" => return Ok(Address::Drives),
        "/$batch" => return Ok(Address::Batch),
        "/subscriptions" => return Ok(Address::Subscriptions),
        _ => {}
    }
    if let Some(id) = path.strip_prefix("/subscriptions/") {
        return Ok(Address::Subscription(id.to_owned()));
    }
    let (whose, rest) = if let Some(rest) = path.strip_prefix("/me/drive") {
        (Whose::Mine, rest)
    } else {
        let rest = path.strip_prefix("/drives/").ok_or_else(unknown)?;
        let end = rest.find('/').unwrap_or(rest.len());
        (Whose::Id(rest[..end].to_owned()), &rest[end..])
    };
    if rest.is_empty() {
        return Ok(Address::Drive(whose));
    }
    let (base, rest) = base(rest).ok_or_else(unknown)?;
    let (path, action) = path_and_action(rest).ok_or_else(unknown)?;
    Ok(Address::Item {
        whose,
        base,
        path: path.to_owned(),
        action: action.to_owned(),
    })
}

fn base(rest: &str) -> Option<(Base, &str)> {
    if let Some(after) = rest.strip_prefix("/special/approot") {
        return Some((Base::AppRoot, after));
    }
    if let Some(after) = rest.strip_prefix("/root") {
        return Some((Base::Root, after));
    }
    let after = rest.strip_prefix("/items/")?;
    let end = after.find(['/', ':']).unwrap_or(after.len());
    let (id, after) = after.split_at(end);
    match id {
        "" => None,
        "root" => Some((Base::Root, after)),
        id => Some((Base::Id(id.to_owned()), after)),
    }
}

/// `:/a/b:/content`, `:/a/b`, `/content` and nothing at all.
fn path_and_action(rest: &str) -> Option<(&str, &str)> {
    if let Some(path) = rest.strip_prefix(":/").or_else(|| rest.strip_prefix(':')) {
        let (path, action) = path.split_once(':').unwrap_or((path, ""));
        if action.is_empty() {
            return Some((path, ""));
        }
        return Some((path, action.strip_prefix('/')?));
    }
    if rest.is_empty() {
        return Some(("", ""));
    }
    Some(("", rest.strip_prefix('/')?))
}

#[cfg(test)]
mod tests {
    use super::{Address, Base, Whose, decoded, parse};

    #[track_caller]
    fn check(raw: &str, whose: Option<&str>, base: Option<&str>, path: &str, action: &str) {
        let whose = whose.map_or(Whose::Mine, |id| Whose::Id(id.to_owned()));
        let base = base.map_or(Base::Root, |id| Base::Id(id.to_owned()));
        let expected = Address::Item {
            whose,
            base,
            path: path.to_owned(),
            action: action.to_owned(),
        };
        assert_eq!(parse(raw).unwrap(), expected, "{raw}");
    }

    #[test]
    fn every_way_to_address_an_item_is_understood() {
        check("/me/drive/root", None, None, "", "");
        check("/drives/d1/root/children", Some("d1"), None, "", "children");
        check(
            "/drives/d1/items/x%211/content",
            Some("d1"),
            Some("x!1"),
            "",
            "content",
        );
        check(
            "/drives/d1/items/X:/a%20b.txt:/content",
            Some("d1"),
            Some("X"),
            "a b.txt",
            "content",
        );
        check(
            "/drives/d1/items/root%3A%2Fbig.bin%3A/content",
            Some("d1"),
            None,
            "big.bin",
            "content",
        );
        check(
            "/me/drive/root:/a/b%25:/createUploadSession",
            None,
            None,
            "a/b%",
            "createUploadSession",
        );
        check("/me/drive/root:/a/b", None, None, "a/b", "");
        check("/me/drive/items/root:/a:", None, None, "a", "");
        check(
            "/drives/d1/root/delta(token='latest')",
            Some("d1"),
            None,
            "",
            "delta(token='latest')",
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for raw in [
            "/",
            "/groups/1",
            "/drives/d1/items/",
            "/me/drive/rootchildren",
            "/me/drive/root:/%ff",
        ] {
            assert!(parse(raw).is_err(), "{raw}");
        }
        assert_eq!(decoded("a%2"), None);
    }
}
