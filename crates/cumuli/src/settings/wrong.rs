//! What is wrong with the settings, in sentences for the operator.

use std::fmt;
use std::path::PathBuf;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// A variable of the process.
    Environment,
    /// A line of `.env`.
    DotEnv(PathBuf),
    /// A line of `cumuli.toml`.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Environment => f.write_str("the environment"),
            Self::DotEnv(path) | Self::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// One thing that is wrong: one sentence without its full stop.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong(String);

impl Wrong {
    /// A value that is not what its setting needs.
    pub fn value(name: &str, origin: &Origin, what: &str, example: &str) -> Self {
        Self(format!(
            "{name} from {origin}: {what}; right is, for example, {example}"
        ))
    }

    /// A name that is no setting.
    pub fn unknown(name: &str, origin: &Origin, near: Option<&str>) -> Self {
        let advice = near.map_or_else(
            || "`cumuli settings list` shows them all".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        Self(format!("{name} from {origin} is not a setting: {advice}"))
    }

    /// Anything else.
    pub const fn sentence(sentence: String) -> Self {
        Self(sentence)
    }
}

/// Everything that is wrong with the settings, at once.
#[derive(Debug)]
pub struct SettingsError(pub Vec<Wrong>);

impl std::error::Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => f.write_str(&only.0),
            all => {
                write!(f, "{} settings are wrong:", all.len())?;
                for wrong in all {
                    write!(f, "\n  - {}", wrong.0)?;
                }
                Ok(())
            }
        }
    }
}
