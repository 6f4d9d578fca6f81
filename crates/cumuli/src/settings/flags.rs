//! Settings as flags of the commands, made from the table.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use super::kinds::Secrecy;
use super::table::{Row, TABLE};

/// A flag for every setting.
#[derive(Debug, Clone, Default)]
pub struct AllFlags(pub Vec<(String, String)>);

/// Flags for the settings that say where everything is kept.
#[derive(Debug, Clone, Default)]
pub struct PlaceFlags(pub Vec<(String, String)>);

fn all() -> impl Iterator<Item = &'static Row> {
    TABLE.iter()
}

fn places() -> impl Iterator<Item = &'static Row> {
    all().filter(|row| matches!(row.name, "CUMULI_DATA" | "DATABASE_URL" | "UPLOAD_FOLDER"))
}

fn arg(row: &'static Row) -> Option<Arg> {
    let flag = row.flag()?;
    let (environment, value_name) = match row.secrecy {
        Secrecy::Shown | Secrecy::Masked => (row.name.to_owned(), "VALUE"),
        Secrecy::Hidden => (format!("{}_FILE", row.name), "PATH"),
    };
    let help = format!(
        "{} [env: {environment}] [default: {}]",
        row.sentence(),
        row.default_words()
    );
    let mut arg = Arg::new(row.name)
        .long(flag)
        .value_name(value_name)
        .action(ArgAction::Set)
        .help_heading(row.group)
        .help(help);
    if row.form.contains("`true`") {
        arg = arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true");
    }
    Some(arg)
}

fn texts(matches: &ArgMatches, rows: impl Iterator<Item = &'static Row>) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for row in rows {
        let Ok(Some(text)) = matches.try_get_one::<String>(row.name) else {
            continue;
        };
        let name = match row.secrecy {
            Secrecy::Shown | Secrecy::Masked => row.name.to_owned(),
            Secrecy::Hidden => format!("{}_FILE", row.name),
        };
        texts.push((name, text.clone()));
    }
    texts
}

macro_rules! flags {
    ($($flags:ident from $rows:ident, global $is_global:literal;)*) => {$(
        impl FromArgMatches for $flags {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(texts(matches, $rows())))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0.extend(texts(matches, $rows()));
                Ok(())
            }
        }

        impl Args for $flags {
            fn augment_args(command: Command) -> Command {
                command.args($rows().filter_map(arg).map(|arg| arg.global($is_global)))
            }

            fn augment_args_for_update(command: Command) -> Command {
                Self::augment_args(command)
            }
        }
    )*};
}

flags! {
    AllFlags from all, global false;
    // May stand before or after the name of a command below: `user list --data x`.
    PlaceFlags from places, global true;
}
