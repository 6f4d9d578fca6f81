//! Mirrors to be made or changed, as requests tell them.

use hub::{FolderRef, MirrorChange, MirrorFolder, MirrorSettings, NewMirror, RemoteFolder};
use model::{ConflictPolicy, ConnectionId, MirrorDirection, MirrorDrift, MirrorRule};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{Folder, given, optional_word, word};
use crate::problem::{self, ApiError, Problem};

/// Which way changes go.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DirectionWord {
    /// Both ways.
    TwoWay,
    /// From here to there only.
    Push,
    /// From there to here only.
    Pull,
}

/// What is done when both sides changed a content.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PolicyWord {
    /// The later one is current, the other becomes an earlier version.
    LastWrite,
    /// Both stay, side by side.
    KeepBoth,
    /// A person decides; until then both sides keep theirs.
    Manual,
}

/// What is done about what a pattern matches.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RuleWord {
    /// As the policy of that name.
    LastWrite,
    /// As the policy of that name.
    KeepBoth,
    /// As the policy of that name.
    Manual,
    /// It is left out.
    Exclude,
}

/// What a push or pull does about a change on the side that only receives.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DriftWord {
    /// It stays, and is told.
    Leave,
    /// It is undone; what it replaced is kept.
    Revert,
}

/// An exception.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleBody {
    /// Matches the path below the mirror's folder, or a name when it has no slash: `*` any characters but a slash, `**`
    /// any, `?` one. What holds for a folder holds for all in it.
    #[schema(example = "*.tmp", min_length = 1, max_length = 1024)]
    pattern: String,
    /// `last-write`, `keep-both`, `manual`, or `exclude`, which leaves it out.
    #[serde(deserialize_with = "word")]
    policy: RuleWord,
}

/// A mirror to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MirrorBody {
    /// The folder here: its id, or `root`.
    #[serde(default)]
    #[schema(value_type = Option<String>, nullable = false)]
    folder_id: Option<Folder>,
    /// Instead: its path from your root folder; what is missing is made.
    #[serde(default)]
    #[schema(example = "Papers", nullable = false)]
    folder_path: Option<String>,
    /// The connection.
    #[schema(value_type = String, format = Uuid)]
    connection_id: ConnectionId,
    /// The folder there: its id, or `root` for the top.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 4096)]
    remote_id: Option<String>,
    /// Instead: its path from the top.
    #[serde(default)]
    #[schema(example = "/Papers", nullable = false, max_length = 4096)]
    remote_path: Option<String>,
    /// `true` makes what is missing of `remote_path`.
    #[serde(default)]
    #[schema(nullable = false)]
    make_remote: Option<bool>,
    /// `two-way` (default), `push` (from here to there only) or `pull`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "two-way")]
    direction: Option<DirectionWord>,
    /// `keep-both` (default), `last-write` or `manual`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "keep-both")]
    policy: Option<PolicyWord>,
    /// What a push or pull does about changes on the side that only receives: `leave` (default) or `revert`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "leave")]
    drift: Option<DriftWord>,
    /// Exceptions; the first that matches counts.
    #[serde(default)]
    #[schema(nullable = false)]
    rules: Option<Vec<RuleBody>>,
    /// Runs that would delete more than so many things wait for your word; the server's setting when left out.
    #[serde(default)]
    most_deletes: Option<u32>,
    /// `true`: it does nothing until it is resumed, and its plan can be looked at first.
    #[serde(default)]
    #[schema(nullable = false)]
    paused: Option<bool>,
    /// `true`: uploads that ask for a copy at this kind of provider go here.
    #[serde(default)]
    #[schema(nullable = false)]
    default: Option<bool>,
}

/// What of a mirror is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MirrorChangeBody {
    /// `two-way`, `push` or `pull`.
    #[serde(default, deserialize_with = "optional_word")]
    direction: Option<DirectionWord>,
    /// `keep-both`, `last-write` or `manual`.
    #[serde(default, deserialize_with = "optional_word")]
    policy: Option<PolicyWord>,
    /// `leave` or `revert`.
    #[serde(default, deserialize_with = "optional_word")]
    drift: Option<DriftWord>,
    /// Exceptions, all of them.
    #[serde(default)]
    #[schema(nullable = false)]
    rules: Option<Vec<RuleBody>>,
    /// Runs that would delete more than so many things wait for your word; `null` is the server's setting.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    most_deletes: Option<Option<u32>>,
    /// Whether uploads that ask for a copy at this kind of provider go here.
    #[serde(default)]
    #[schema(nullable = false)]
    default: Option<bool>,
}

impl MirrorBody {
    /// Checked as far as can be told without looking.
    pub(crate) fn read(self) -> Result<NewMirror, ApiError> {
        let folder = match (self.folder_id, self.folder_path) {
            (Some(_), Some(_)) => return Err(invalid("folder_path", "give either folder_id or folder_path")),
            (Some(folder), None) => MirrorFolder::Ref(folder.0),
            (None, Some(path)) => match path.parse::<model::NodePath>() {
                Ok(path) if path.names().is_empty() => MirrorFolder::Ref(FolderRef::Root),
                Ok(path) => MirrorFolder::Path(path),
                Err(error) => return Err(invalid("folder_path", &error.to_string())),
            },
            (None, None) => {
                return Err(invalid(
                    "folder_id",
                    "which folder here? Give folder_id or folder_path",
                ));
            }
        };
        let makes = self.make_remote.unwrap_or(false);
        let remote = match (self.remote_id, self.remote_path) {
            (Some(_), Some(_)) => return Err(invalid("remote_path", "give either remote_id or remote_path")),
            (Some(id), None) if id.is_empty() => return Err(invalid("remote_id", "an id is not empty")),
            (Some(id), None) => RemoteFolder::Item(id),
            (None, Some(path)) => RemoteFolder::Path { path, makes },
            (None, None) => {
                return Err(invalid(
                    "remote_id",
                    "which folder there? Give remote_id or remote_path",
                ));
            }
        };
        let usual = MirrorSettings::default();
        Ok(NewMirror {
            folder,
            connection: self.connection_id,
            remote,
            settings: MirrorSettings {
                direction: self.direction.map_or(usual.direction, direction),
                policy: self.policy.map_or(usual.policy, policy),
                drift: self.drift.map_or(usual.drift, drift),
                rules: self.rules.map_or_else(Vec::new, rules),
                most_deletes: self.most_deletes,
                is_default: self.default.unwrap_or(false),
            },
            is_paused: self.paused.unwrap_or(false),
        })
    }
}

impl From<MirrorChangeBody> for MirrorChange {
    fn from(body: MirrorChangeBody) -> Self {
        Self {
            direction: body.direction.map(direction),
            policy: body.policy.map(policy),
            drift: body.drift.map(drift),
            rules: body.rules.map(rules),
            most_deletes: body.most_deletes,
            is_default: body.default,
        }
    }
}

const fn direction(word: DirectionWord) -> MirrorDirection {
    match word {
        DirectionWord::TwoWay => MirrorDirection::TwoWay,
        DirectionWord::Push => MirrorDirection::Push,
        DirectionWord::Pull => MirrorDirection::Pull,
    }
}

const fn policy(word: PolicyWord) -> ConflictPolicy {
    match word {
        PolicyWord::LastWrite => ConflictPolicy::LastWrite,
        PolicyWord::KeepBoth => ConflictPolicy::KeepBoth,
        PolicyWord::Manual => ConflictPolicy::Manual,
    }
}

const fn drift(word: DriftWord) -> MirrorDrift {
    match word {
        DriftWord::Leave => MirrorDrift::Leave,
        DriftWord::Revert => MirrorDrift::Revert,
    }
}

fn rules(bodies: Vec<RuleBody>) -> Vec<MirrorRule> {
    let rule = |body: RuleBody| MirrorRule {
        pattern: body.pattern,
        policy: match body.policy {
            RuleWord::LastWrite => Some(ConflictPolicy::LastWrite),
            RuleWord::KeepBoth => Some(ConflictPolicy::KeepBoth),
            RuleWord::Manual => Some(ConflictPolicy::Manual),
            RuleWord::Exclude => None,
        },
    };
    bodies.into_iter().map(rule).collect()
}

fn invalid(field: &str, detail: &str) -> ApiError {
    Problem::new(problem::INVALID, format!("`{field}`: {detail}"))
        .field(field, detail)
        .into()
}
