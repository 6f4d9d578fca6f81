//! Paths: names from the root down.

use std::fmt;
use std::str::FromStr;

use crate::{NameError, NodeName, limits};

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// One of its names is wrong.
    #[error("in the path, `{segment}`: {error}")]
    Name {
        /// The name as it was given.
        segment: String,
        /// What is wrong with it.
        error: NameError,
    },
    /// More than 4,096 bytes.
    #[error("a path may hold {limit} bytes", limit = limits::PATH_BYTES)]
    TooLong,
    /// More than 128 levels.
    #[error("a path may have {limit} levels", limit = limits::DEPTH)]
    TooDeep,
}

/// A path below a space's root. The root itself is the empty path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NodePath(Vec<NodeName>);

impl NodePath {
    /// The names from the root down.
    pub fn names(&self) -> &[NodeName] {
        &self.0
    }

    /// The last name and the path of its folder; `None` at the root.
    pub fn split_last(&self) -> Option<(&NodeName, Self)> {
        let (last, folder) = self.0.split_last()?;
        Some((last, Self(folder.to_vec())))
    }
}

impl FromIterator<NodeName> for NodePath {
    fn from_iter<I: IntoIterator<Item = NodeName>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl FromStr for NodePath {
    type Err = PathError;

    /// Splits at `/`; one leading and one trailing `/` are allowed, an empty name within is not.
    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > limits::PATH_BYTES {
            return Err(PathError::TooLong);
        }
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return Ok(Self::default());
        }
        let names = inner
            .split('/')
            .map(|segment| {
                NodeName::new(segment).map_err(|error| PathError::Name {
                    segment: segment.chars().take(80).collect(),
                    error,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if names.len() > limits::DEPTH {
            return Err(PathError::TooDeep);
        }
        Ok(Self(names))
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}
