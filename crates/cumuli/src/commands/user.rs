//! `cumuli user`.

use clap::Subcommand;
use hub::{Hub, UserChange, UserRow};
use model::{Actor, Role, User, UserState};

use super::table::{Table, size, time};
use super::{password, print};
use crate::opened::Purpose;
use crate::settings::parse_quota;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli user add me@example.org --name 'Me Myself'     asks for the password\n  \
    cumuli user add bot@example.org --password-stdin < password.txt\n  \
    cumuli user list\n  \
    cumuli user quota me@example.org 50GiB\n  \
    cumuli user disable me@example.org                   ends all sign-ins, keeps the files\n\n\
    The first account of a server is an administrator's.";

/// Accounts that one look at the catalog takes in.
const PAGE: u32 = 500;

/// What to do with accounts.
#[derive(Subcommand)]
pub enum Command {
    /// Adds an account. The first one is an administrator's.
    Add {
        /// E-mail address, the account's name.
        email: String,
        /// What the person is called.
        #[arg(long, default_value = "")]
        name: String,
        /// Makes it an administrator's.
        #[arg(long)]
        admin: bool,
        /// Reads the password from the first line of the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists accounts.
    List,
    /// Sets a new password and ends all sign-ins of the account.
    Password {
        /// E-mail address of the account.
        email: String,
        /// Reads the password from the first line of the standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Closes an account: nobody signs in, its files stay.
    Disable {
        /// E-mail address of the account.
        email: String,
    },
    /// Opens a closed account again.
    Enable {
        /// E-mail address of the account.
        email: String,
    },
    /// Makes an account an administrator's.
    MakeAdmin {
        /// E-mail address of the account.
        email: String,
    },
    /// Makes an administrator's account an ordinary one.
    MakeUser {
        /// E-mail address of the account.
        email: String,
    },
    /// Sets how much an account may store.
    Quota {
        /// E-mail address of the account.
        email: String,
        /// A size such as `50GiB`, or `default` for CUMULI_DEFAULT_QUOTA_BYTES.
        quota: String,
    },
}

impl Command {
    /// What the installation is opened for: the first account may come before the first start.
    pub const fn purpose(&self) -> Purpose {
        match self {
            Self::Add { .. } => Purpose::Making,
            Self::List
            | Self::Password { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::MakeAdmin { .. }
            | Self::MakeUser { .. }
            | Self::Quota { .. } => Purpose::Looking,
        }
    }
}

/// Does it.
///
/// # Errors
/// What the hub says, or when a password cannot be read.
pub async fn run(hub: &Hub, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Add {
            email,
            name,
            admin,
            password_stdin,
        } => add(hub, (&email, &name), admin, password_source(password_stdin)).await,
        Command::List => list(hub).await,
        Command::Password {
            email,
            password_stdin,
        } => {
            let user = find(hub, &email).await?;
            let password = read_password(password_source(password_stdin)).await?;
            hub.reset_password(&Actor::Worker, user.id, &password).await?;
            print::line(format!("{}: new password; all sign-ins have ended", user.email))
        }
        Command::Disable { email } => {
            let change = UserChange {
                state: Some(UserState::Disabled),
                ..UserChange::default()
            };
            change_and_tell(hub, &email, change, "disabled; all sign-ins have ended").await
        }
        Command::Enable { email } => {
            let change = UserChange {
                state: Some(UserState::Active),
                ..UserChange::default()
            };
            change_and_tell(hub, &email, change, "may sign in again").await
        }
        Command::MakeAdmin { email } => {
            let change = UserChange {
                role: Some(Role::Admin),
                ..UserChange::default()
            };
            change_and_tell(hub, &email, change, "is an administrator").await
        }
        Command::MakeUser { email } => {
            let change = UserChange {
                role: Some(Role::User),
                ..UserChange::default()
            };
            change_and_tell(hub, &email, change, "is an ordinary user").await
        }
        Command::Quota { email, quota } => set_quota(hub, &email, &quota).await,
    }
}

/// Finds an account by its address.
///
/// # Errors
/// When there is none.
pub async fn find(hub: &Hub, email: &str) -> anyhow::Result<User> {
    match hub.user_by_email(&Actor::Worker, email).await {
        Err(hub::HubError::NotFound(_)) => anyhow::bail!("there is no account {email}"),
        found => Ok(found?),
    }
}

const fn password_source(is_stdin: bool) -> password::From {
    if is_stdin {
        password::From::Input
    } else {
        password::From::Terminal
    }
}

/// A person takes their time to type, so the other tasks need their thread meanwhile.
async fn read_password(from: password::From) -> anyhow::Result<String> {
    tokio::task::spawn_blocking(move || password::read(from)).await?
}

async fn add(
    hub: &Hub,
    (email, name): (&str, &str),
    admin: bool,
    from: password::From,
) -> anyhow::Result<()> {
    let password = read_password(from).await?;
    let is_first = hub.users(&Actor::Worker, "", 1).await?.is_empty();
    let role = if admin || is_first {
        Role::Admin
    } else {
        Role::User
    };
    let added = hub
        .create_user(&Actor::Worker, (email, &password), (name, role))
        .await?;
    print::line(format!("{}: added as {}", added.user.email, role_word(role)))
}

async fn list(hub: &Hub) -> anyhow::Result<()> {
    let mut table = Table::new(&[
        "E-MAIL",
        "NAME",
        "ROLE",
        "STATE",
        "USED",
        "QUOTA",
        "CREATED (UTC)",
    ]);
    let mut after = String::new();
    loop {
        let page = hub.users(&Actor::Worker, &after, PAGE).await?;
        let Some(last) = page.last() else {
            break;
        };
        after = last.user.email.as_str().to_owned();
        for row in page {
            table.row(cells(row));
        }
    }
    print::text(&table.render())
}

fn cells(UserRow { user, used_bytes }: UserRow) -> [String; 7] {
    let state = match user.state {
        UserState::Active => "active",
        UserState::Disabled => "disabled",
    };
    [
        user.email.to_string(),
        user.full_name,
        role_word(user.role).to_owned(),
        state.to_owned(),
        size(used_bytes),
        user.quota_bytes.map_or_else(|| "default".to_owned(), size),
        time(user.created_ms),
    ]
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}

async fn set_quota(hub: &Hub, email: &str, quota: &str) -> anyhow::Result<()> {
    let quota_bytes = if quota == "default" {
        None
    } else {
        Some(parse_quota(quota).map_err(|what| anyhow::anyhow!("the quota is wrong: {what}"))?)
    };
    let change = UserChange {
        quota_bytes: Some(quota_bytes),
        ..UserChange::default()
    };
    let told = quota_bytes.map_or_else(
        || "has the default quota".to_owned(),
        |bytes| format!("may store {}", size(bytes)),
    );
    change_and_tell(hub, email, change, &told).await
}

async fn change_and_tell(hub: &Hub, email: &str, change: UserChange, told: &str) -> anyhow::Result<()> {
    let user = find(hub, email).await?;
    let changed = hub.change_user(&Actor::Worker, user.id, change).await?;
    print::line(format!("{}: {told}", changed.user.email))
}
