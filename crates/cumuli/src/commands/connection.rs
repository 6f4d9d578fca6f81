//! `cumuli connection`: linked accounts, buckets and folders, by the one who runs the server.

mod add;
mod import;

use std::process::ExitCode;

use clap::Subcommand;
use hub::{Checked, Hub};
use model::{Actor, Connection, ConnectionId, Role, User, UserId};

use super::table::Table;
use super::{DAMAGED, print, token, user};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli connection list\n  \
    cumuli connection check 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f     each step, and what helps\n  \
    cumuli connection add s3 --bucket my-bucket --access-key AKIA… --region eu-central-1\n  \
    cumuli connection add directory /srv/media --read-only\n  \
    cumuli connection import ~/.config/rclone/rclone.conf --user me@example.org --dry-run\n\n\
    Without --user a connection is the server's, and administrators use it. Google Drive and OneDrive are linked on the \
    page, where people sign in. Secrets are never flags, since everybody on a machine reads its command lines.";

/// Connections that are listed.
const MOST: u32 = 10_000;
/// Accounts that one look at the catalog takes in.
const PAGE: u32 = 500;

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Lists all connections.
    List,
    /// Tries a connection out step by step, and explains the first that fails.
    Check {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Connects a bucket, a container, a folder of this server or a WebDAV server.
    #[command(after_help = add::EXAMPLES)]
    Add(add::Flags),
    /// Removes a connection. What it brought here stays.
    Remove {
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Makes connections of the remotes in a file of rclone.
    #[command(after_help = import::EXAMPLES)]
    Import(import::Flags),
}

/// Whose a new connection is, and who makes it.
struct Maker {
    actor: Actor,
    is_servers: bool,
}

/// Does it.
///
/// # Errors
/// What the hub says, or when a secret cannot be read.
pub async fn run(hub: &Hub, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => list(hub).await,
        Command::Check { id } => check(hub, id.parse()?).await,
        Command::Add(flags) => add::run(hub, flags).await,
        Command::Remove { id } => remove(hub, id.parse()?).await,
        Command::Import(flags) => import::run(hub, flags).await,
    }
}

async fn list(hub: &Hub) -> anyhow::Result<ExitCode> {
    let all = hub.watched_connections(&an_admin(hub).await?, MOST).await?;
    let users = users(hub).await?;
    let mut table = Table::new(&["ID", "KIND", "NAME", "DRIVE OF", "OWNER", "STATE", "WHY"]);
    for connection in all {
        let owner = |id: UserId| {
            let user = users.iter().find(|user| user.id == id);
            user.map_or_else(|| id.to_string(), |user| user.email.to_string())
        };
        table.row([
            connection.id.to_string(),
            connection.kind.clone(),
            connection.label.clone(),
            connection.account.clone(),
            connection.owner.map_or_else(|| "the server".to_owned(), owner),
            state(&connection).to_owned(),
            connection.reason.unwrap_or_default(),
        ]);
    }
    print::text(&table.render())?;
    Ok(ExitCode::SUCCESS)
}

fn state(connection: &Connection) -> &'static str {
    match connection.drive.is_empty() {
        true => "not tried",
        false => connection.state.as_str(),
    }
}

async fn check(hub: &Hub, id: ConnectionId) -> anyhow::Result<ExitCode> {
    let report = hub.check_connection(&Actor::Worker, id).await?;
    let mut table = Table::new(&["STEP", "", "WHAT WAS FOUND"]);
    for step in &report.steps {
        table.row([
            step.name.to_owned(),
            step.state.as_str().to_owned(),
            step.detail.clone(),
        ]);
    }
    print::text(&table.render())?;
    let has_failed = report.steps.iter().any(|step| step.state == Checked::Failed);
    for concern in &report.row.health.concerns {
        print::line(format!("{}: {}", concern.code, concern.text))?;
    }
    Ok(match has_failed {
        true => ExitCode::from(DAMAGED),
        false => ExitCode::SUCCESS,
    })
}

async fn remove(hub: &Hub, id: ConnectionId) -> anyhow::Result<ExitCode> {
    let connection = hub.connection(&Actor::Worker, id).await?.connection;
    let is_given_back = hub.disconnect(&Actor::Worker, id).await?;
    print::line(format!(
        "{}: removed; what it brought here stays",
        connection.label
    ))?;
    if !is_given_back {
        print::line(
            "the provider does not take access back by itself: remove this application on the page of the account there",
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Who makes connections: that account, or an administrator for the server.
async fn maker(hub: &Hub, email: Option<&str>) -> anyhow::Result<Maker> {
    Ok(match email {
        Some(email) => Maker {
            actor: token::acting_as(&user::find(hub, email).await?),
            is_servers: false,
        },
        None => Maker {
            actor: an_admin(hub).await?,
            is_servers: true,
        },
    })
}

/// An administrator, in whose name the one who runs the server acts.
pub async fn an_admin(hub: &Hub) -> anyhow::Result<Actor> {
    let users = users(hub).await?;
    let is_admin = |user: &&User| user.role == Role::Admin && user.state == model::UserState::Active;
    match users.iter().find(is_admin) {
        Some(user) => Ok(token::acting_as(user)),
        None => anyhow::bail!("there is no administrator yet: `cumuli user add me@example.org` makes one"),
    }
}

/// All accounts.
pub async fn users(hub: &Hub) -> anyhow::Result<Vec<User>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = hub.users(&Actor::Worker, &after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(all);
        };
        after = last.user.email.as_str().to_owned();
        all.extend(page.into_iter().map(|row| row.user));
    }
}
