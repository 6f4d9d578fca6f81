//! What happened, in sentences, in the order in which it did.

use catalog::Tx;
use model::{
    Conflict, ConflictKind, ConflictPolicy, ConflictSide, Millis, Origin, Right, UserId, Version, Winner,
};

use super::acts::{self, Act};
use super::record::person;
use crate::access::{self, Hold};
use crate::{Hub, HubError};

/// Changes here that are told at the most.
const VERSIONS: u32 = 50;

/// A sentence about a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When that was, where it is known.
    pub at_ms: Option<Millis>,
    /// The sentence.
    pub text: String,
}

/// By which door a version came, in words that follow "changed it".
pub(super) fn door(origin: Origin) -> &'static str {
    match origin {
        Origin::Api => "through the API",
        Origin::Web => "through the page",
        Origin::Restore => "by restoring an earlier version",
        Origin::Copy => "by copying",
        Origin::Webdav => "through WebDAV",
        Origin::Link => "through a public link",
        Origin::Mirror(_) => "through a mirror",
    }
}

impl Hub {
    /// Tells a conflict from the last agreement to the last decision.
    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        actor: &model::Actor,
        (conflict, provider): (&Conflict, &str),
    ) -> Result<Vec<Told>, HubError> {
        let mut told = vec![agreed(conflict)];
        let mut changes = changes_here(tx, actor, conflict).await?;
        changes.push(change_there(conflict, provider));
        // What has no time is told last: it is known only since it was found.
        changes.sort_by_key(|told| told.at_ms.unwrap_or(conflict.found_ms));
        told.append(&mut changes);
        told.push(Told {
            at_ms: Some(conflict.found_ms),
            text: found(conflict.kind, provider),
        });
        for act in acts::acts(conflict) {
            told.push(decision(tx, conflict, &act).await?);
            if let Some((at_ms, by)) = act.undone {
                told.push(Told {
                    at_ms: Some(Millis(at_ms)),
                    text: format!("{} took that back.", somebody(tx, by).await?),
                });
            }
        }
        Ok(told)
    }
}

fn agreed(conflict: &Conflict) -> Told {
    let Some(base) = &conflict.base else {
        return Told {
            at_ms: None,
            text: "Both sides never agreed on a content before.".to_owned(),
        };
    };
    let version = base
        .version
        .map_or_else(String::new, |number| format!(", version {number} here"));
    let author = base
        .author
        .as_ref()
        .map_or_else(String::new, |author| format!(", by {author}"));
    Told {
        at_ms: base.changed_ms,
        text: format!(
            "Both sides last agreed on this content{version}{}{author}.",
            size(base)
        ),
    }
}

fn size(side: &ConflictSide) -> String {
    side.size_bytes
        .map_or_else(String::new, |size| format!(", {size} bytes"))
}

/// What was done here from the last agreement until the conflict was found.
async fn changes_here(tx: &mut Tx, actor: &model::Actor, conflict: &Conflict) -> Result<Vec<Told>, HubError> {
    let Some(here) = &conflict.here else {
        let node = match conflict.node {
            Some(node) => tx.node(node).await?,
            None => None,
        };
        let at_ms = node.and_then(|node| node.trashed).map(|trashed| trashed.at_ms);
        return Ok(vec![Told {
            // It may have been deleted again since.
            at_ms: at_ms.filter(|at| *at <= conflict.found_ms),
            text: "It was deleted here.".to_owned(),
        }]);
    };
    let since = conflict.base.as_ref().and_then(|base| base.version).unwrap_or(0);
    let versions = match (conflict.node, here.version) {
        (Some(node), Some(last)) if is_visible(tx, actor, node).await? => {
            tx.versions(node, Some(last + 1), VERSIONS).await?
        }
        _ => Vec::new(),
    };
    let mut told = Vec::new();
    for version in versions.iter().rev().filter(|version| version.number > since) {
        told.push(change_here(tx, version).await?);
    }
    if told.is_empty() {
        let author = here.author.as_deref().unwrap_or("Somebody");
        let origin = here.origin.as_deref().unwrap_or_default();
        told.push(Told {
            at_ms: here.changed_ms,
            text: format!("{author} changed it here {origin}{}.", size(here)),
        });
    }
    Ok(told)
}

/// What somebody lost the right to see is not told to them.
async fn is_visible(tx: &mut Tx, actor: &model::Actor, node: model::NodeId) -> Result<bool, HubError> {
    match access::file(tx, actor, node, Right::View, Hold::No).await {
        Ok(_) => Ok(true),
        Err(HubError::NotFound(_) | HubError::Forbidden(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn change_here(tx: &mut Tx, version: &Version) -> Result<Told, HubError> {
    let author = match version.origin {
        Origin::Link => None,
        origin => person(tx, version.author, origin).await?,
    };
    let author = author.unwrap_or_else(|| "Somebody".to_owned());
    Ok(Told {
        at_ms: Some(version.created_ms),
        text: format!(
            "{} changed it here {}: version {}, {} bytes.",
            author,
            door(version.origin),
            version.number,
            version.size_bytes
        ),
    })
}

fn change_there(conflict: &Conflict, provider: &str) -> Told {
    match &conflict.there {
        None => Told {
            at_ms: None,
            text: format!("It was deleted at {provider}."),
        },
        Some(there) => {
            let author = there
                .author
                .as_ref()
                .map_or_else(String::new, |author| format!(" by {author}"));
            Told {
                at_ms: there.changed_ms,
                text: format!("It was changed at {provider}{author}{}.", size(there)),
            }
        }
    }
}

fn found(kind: ConflictKind, provider: &str) -> String {
    match kind {
        ConflictKind::EditEdit => "The mirror found that both had changed it.".to_owned(),
        ConflictKind::EditDelete => {
            format!("The mirror found it changed here and deleted at {provider}.")
        }
        ConflictKind::DeleteEdit => {
            format!("The mirror found it deleted here and changed at {provider}.")
        }
        ConflictKind::CreateCreate => "The mirror found that both had made a file of this name.".to_owned(),
        ConflictKind::KindKind => "The mirror found a file and a folder of this name.".to_owned(),
        ConflictKind::Overwrote => {
            format!(
                "The mirror found that what it did at {provider} had replaced or trashed this unseen, and brought it back."
            )
        }
    }
}

async fn decision(tx: &mut Tx, conflict: &Conflict, act: &Act) -> Result<Told, HubError> {
    let resolution = act.resolution();
    let who = match resolution.by {
        Some(by) => somebody(tx, Some(by)).await?,
        None => "The mirror".to_owned(),
    };
    let how = match (resolution.by, resolution.policy) {
        (None, policy) => format!(" by its policy `{}`", policy.as_str()),
        (Some(_), ConflictPolicy::Manual) => String::new(),
        (Some(_), policy) => format!(" by `{}`", policy.as_str()),
    };
    let copy = match conflict.copy {
        Some(copy) => tx.node(copy).await?.map(|node| node.name.to_string()),
        None => None,
    };
    let what = outcome(conflict.kind, resolution.winner, copy.as_deref());
    let notes = resolution.notes.filter(|notes| !notes.is_empty());
    let notes = notes.map_or_else(String::new, |notes| format!(" They noted: {notes}"));
    Ok(Told {
        at_ms: Some(resolution.at_ms),
        text: format!("{who} decided{how}: {what}.{notes}"),
    })
}

/// What a decision means.
fn outcome(kind: ConflictKind, winner: Option<Winner>, copy: Option<&str>) -> String {
    let text = match (kind, winner) {
        (ConflictKind::EditDelete, Some(Winner::Here)) | (ConflictKind::DeleteEdit, Some(Winner::There)) => {
            "the change counts, the file lives on"
        }
        (ConflictKind::EditDelete, Some(Winner::There)) | (ConflictKind::DeleteEdit, Some(Winner::Here)) => {
            "the deletion counts, what was changed lies in the trash"
        }
        (_, Some(Winner::Here)) => "what was here is current, theirs is kept as a version",
        (_, Some(Winner::There)) => "theirs is current, what was here is kept as a version",
        (ConflictKind::Overwrote, None) => match copy {
            Some(name) => return format!("both are kept: ours under the name, theirs as `{name}`"),
            None => "both are kept",
        },
        (_, None) => match copy {
            Some(name) => return format!("both are kept: theirs under the name, what was here as `{name}`"),
            None => "both are kept",
        },
    };
    text.to_owned()
}

async fn somebody(tx: &mut Tx, user: Option<UserId>) -> Result<String, HubError> {
    let name = person(tx, user, Origin::Web).await?;
    Ok(name.unwrap_or_else(|| "Somebody whose account is gone".to_owned()))
}
