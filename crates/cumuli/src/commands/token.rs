//! `cumuli token`: passwords for programs, and invitations.

use clap::Subcommand;
use hub::Hub;
use model::{Actor, AppPasswordId, SessionId, User};

use super::table::{Table, time};
use super::{print, user};

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli token create me@example.org 'backup script'   prints the password once\n  \
    curl -u me@example.org:PASSWORD http://127.0.0.1:8000/api/v1/files\n  \
    cumuli token list me@example.org\n  \
    cumuli token revoke me@example.org 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f\n  \
    cumuli token invite                                  lets one person register";

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Makes a password for one program of a user. It is shown this once.
    Create {
        /// E-mail address of the account.
        email: String,
        /// Which program will use it.
        label: String,
    },
    /// Lists the passwords for programs of a user.
    List {
        /// E-mail address of the account.
        email: String,
    },
    /// Takes a password for a program back, at once.
    Revoke {
        /// E-mail address of the account.
        email: String,
        /// Its id, as `list` shows it.
        id: String,
    },
    /// Makes an invitation to register, good for one account within a week.
    Invite,
}

/// Does it.
///
/// # Errors
/// What the hub says.
pub async fn run(hub: &Hub, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { email, label } => {
            let user = user::find(hub, &email).await?;
            let made = hub.create_app_password(&acting_as(&user), &label).await?;
            eprintln!(
                "A password for `{}` of {}, shown this once:",
                made.row.label, user.email
            );
            print::line(made.secret)
        }
        Command::List { email } => {
            let user = user::find(hub, &email).await?;
            let mut table = Table::new(&["ID", "LABEL", "CREATED (UTC)", "LAST USED (UTC)"]);
            for row in hub.app_passwords(&acting_as(&user)).await? {
                let used = row.used_ms.map_or_else(|| "never".to_owned(), time);
                table.row([row.id.to_string(), row.label, time(row.created_ms), used]);
            }
            print::text(&table.render())
        }
        Command::Revoke { email, id } => {
            let user = user::find(hub, &email).await?;
            let id: AppPasswordId = id.parse()?;
            match hub.remove_app_password(&acting_as(&user), id).await {
                Err(hub::HubError::NotFound(_)) => anyhow::bail!("{} has no password {id}", user.email),
                removed => removed?,
            }
            print::line(format!("{}: {id} is taken back", user.email))
        }
        Command::Invite => {
            let (secret, expires_ms) = hub.create_invite(&Actor::Worker).await?;
            eprintln!("An invitation, good once until {} UTC:", time(expires_ms));
            print::line(secret)
        }
    }
}

/// Who runs this command holds the database, so they may act for any user. The session is none
/// that exists.
pub fn acting_as(user: &User) -> Actor {
    Actor::User {
        id: user.id,
        role: user.role,
        session: SessionId::from_bytes([0; 16]),
    }
}
