//! `cumuli mirror add`.

use anyhow::Context;
use clap::{Args, ValueEnum};
use hub::{FolderRef, Hub, MirrorFolder, MirrorSettings, NewMirror, RemoteFolder};
use model::{ConflictPolicy, MirrorDirection, MirrorDrift, MirrorRule, NodePath};

use super::super::{print, token, user};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli mirror add /Papers CONNECTION:/Papers --user me@example.org\n  \
    cumuli mirror add /Photos CONNECTION:/backup --user me@example.org --direction push --make\n  \
    cumuli mirror add / CONNECTION:/ --user me@example.org --exclude '*.tmp' --exclude node_modules --paused\n\n\
    CONNECTION is an id, as `cumuli connection list` shows it; the path begins at the top of it.";

/// The flags of `cumuli mirror add`.
#[derive(Args)]
pub struct Flags {
    /// The folder here, by its path from the root; it is made when it is missing
    folder: String,
    /// The folder there
    #[arg(value_name = "CONNECTION:/PATH")]
    remote: String,
    /// Whose folder and connection it is, by e-mail address
    #[arg(long, value_name = "EMAIL")]
    user: String,
    /// Which way changes go
    #[arg(long, value_enum, default_value_t = Direction::TwoWay)]
    direction: Direction,
    /// What is done when both sides changed a file
    #[arg(long, value_enum, default_value_t = Policy::KeepBoth)]
    policy: Policy,
    /// A push or pull undoes changes on the side that only receives
    #[arg(long)]
    revert: bool,
    /// Leaves out what matches; may be given more than once
    #[arg(long, value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Runs that would delete more than so many things wait for a word
    #[arg(long, value_name = "COUNT")]
    most_deletes: Option<u32>,
    /// Makes the folder there when it is missing
    #[arg(long)]
    make: bool,
    /// Uploads that ask for a copy at this kind of provider go there
    #[arg(long)]
    default: bool,
    /// It does nothing until it is resumed
    #[arg(long)]
    paused: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Direction {
    TwoWay,
    Push,
    Pull,
}

#[derive(Clone, Copy, ValueEnum)]
enum Policy {
    KeepBoth,
    LastWrite,
    Manual,
}

/// Makes it.
///
/// # Errors
/// What cannot be read of the flags, and what the hub says.
pub async fn run(hub: &Hub, flags: Flags) -> anyhow::Result<()> {
    let actor = token::acting_as(&user::find(hub, &flags.user).await?);
    let (connection, path) = flags
        .remote
        .split_once(':')
        .context("name the folder there as CONNECTION:/PATH")?;
    let folder: NodePath = flags.folder.parse()?;
    let exclude = |pattern: String| MirrorRule {
        pattern,
        policy: None,
    };
    let new = NewMirror {
        folder: match folder.names().is_empty() {
            true => MirrorFolder::Ref(FolderRef::Root),
            false => MirrorFolder::Path(folder),
        },
        connection: connection.parse().context("CONNECTION is an id")?,
        remote: RemoteFolder::Path {
            path: path.to_owned(),
            makes: flags.make,
        },
        settings: MirrorSettings {
            direction: match flags.direction {
                Direction::TwoWay => MirrorDirection::TwoWay,
                Direction::Push => MirrorDirection::Push,
                Direction::Pull => MirrorDirection::Pull,
            },
            policy: match flags.policy {
                Policy::KeepBoth => ConflictPolicy::KeepBoth,
                Policy::LastWrite => ConflictPolicy::LastWrite,
                Policy::Manual => ConflictPolicy::Manual,
            },
            drift: match flags.revert {
                true => MirrorDrift::Revert,
                false => MirrorDrift::Leave,
            },
            rules: flags.exclude.into_iter().map(exclude).collect(),
            most_deletes: flags.most_deletes,
            is_default: flags.default,
        },
        is_paused: flags.paused,
    };
    let mirror = hub.create_mirror(&actor, new).await?;
    print::line(mirror.id.to_string())
}
