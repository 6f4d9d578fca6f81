//! What a connector's tests give to the suite.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Connector;

/// What somebody sees in a drive: paths below the root, with the content of files; folders have none.
pub type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// A connector on an empty drive that is this world's alone, and somebody else's hand on it.
///
/// The hand goes another way than the connector. It panics when it cannot do what it is told. Folders above a
/// path that it writes are made; where there are no empty folders, they are what the paths of files say.
#[async_trait]
pub trait World: Send + Sync {
    /// The connector. It retries fast and never sleeps for long.
    fn connector(&self) -> Arc<dyn Connector>;

    /// Creates a file or replaces its content.
    async fn write(&self, path: &str, bytes: &[u8]);

    /// Makes a folder. Where there are no empty folders this may do nothing.
    async fn make_folder(&self, path: &str);

    /// Moves or renames a file or folder with all below it.
    async fn relocate(&self, from: &str, to: &str);

    /// Deletes a file or folder with all below it, as a person does: into the trash where it has one.
    async fn remove(&self, path: &str);

    /// All that is there, without the trash, in which no two items have one path. Where a path is there twice
    /// its later ones end with ` (2)`, ` (3)`.
    async fn tree(&self) -> Tree;

    /// Makes a document without bytes. Where [`crate::Abilities::has_documents`].
    async fn make_document(&self, path: &str) {
        panic!("no documents here: {path}");
    }

    /// Lets pass what makes the provider's answers late, without waiting in real time.
    async fn settle(&self) {}

    /// From now on, or for the next call, something is wrong. Whether this world can do that.
    async fn trouble(&self, trouble: Trouble) -> bool {
        let _ = trouble;
        false
    }

    /// What the connector did so far that no client may do.
    async fn violations(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The next call of that kind has its effect, but no answer.
    LoseAnswer(Call),
    /// The next call of that kind has no effect, and an answer that says to try again.
    FailOnce(Call),
    /// The next content that is read breaks off in its midst.
    CutRead,
    /// The next content that is read has one byte that is wrong.
    FlipRead,
    /// The provider asks to wait, a minute and more.
    AskToWait,
    /// The drive is full.
    Full,
    /// The credentials are not taken any more, nor renewed.
    Expel,
}

/// A kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The last request of a [`crate::Connector::upload`] of a small file.
    Create,
    /// The same of a replace.
    Replace,
    /// [`crate::Connector::make_folder`].
    MakeFolder,
    /// [`crate::Connector::relocate`].
    Relocate,
    /// [`crate::Connector::trash`].
    Trash,
}
