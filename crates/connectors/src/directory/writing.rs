//! New contents: written beside, flushed, then put in place in one step.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use futures_util::StreamExt;
use model::{BodyError, Millis};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, fsync, futimens,
    openat, statat, unlinkat,
};
use rustix::io::Errno;

use super::faults::fault;
use super::place::Place;
use super::root::{Root, kind};
use super::{blocking, items, renaming};
use crate::{RemoteError, Revision, Upload};

/// How names of unfinished files begin.
pub(super) const TEMPORARY: &str = ".cumuli-new-";

/// So much is gathered before it is written.
const GATHERED_BYTES: usize = 1024 * 1024;

/// Where a content goes.
pub(super) enum Goal {
    /// A new file.
    New,
    /// The place of this content.
    Instead(Box<Stat>),
}

/// A file that is being written.
pub(super) struct Draft {
    place: Place,
    folder: OwnedFd,
    name: String,
    file: Arc<File>,
    goal: Goal,
}

impl Drop for Draft {
    fn drop(&mut self) {
        // It has its place by then, or nobody wants it.
        let _ = unlinkat(&self.folder, &*self.name, AtFlags::empty());
    }
}

impl Draft {
    /// Begins beside `place`.
    pub(super) fn begin(
        root: &Root,
        place: Place,
        expected: Option<&Revision>,
        random: &str,
    ) -> Result<Self, RemoteError> {
        let (folder, name) = root.parent(&place)?;
        let failed = |errno| fault(errno, &place);
        let goal = match (statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW), expected) {
            (Err(Errno::NOENT), None) => Goal::New,
            (Ok(_), None) => return Err(RemoteError::Exists),
            (Err(errno), _) => return Err(failed(errno)),
            (Ok(stat), Some(expected)) => {
                if kind(&stat) != FileType::RegularFile {
                    return Err(RemoteError::NoContent);
                }
                if items::revision(&stat) != *expected {
                    return Err(RemoteError::Changed);
                }
                Goal::Instead(Box::new(stat))
            }
        };
        let temporary = format!("{TEMPORARY}{random}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&folder, &*temporary, flags, Mode::from_raw_mode(0o666)).map_err(failed)?;
        Ok(Self {
            place,
            folder,
            name: temporary,
            file: Arc::new(File::from(file)),
            goal,
        })
    }

    /// Takes all bytes of a source, no more and no fewer than it told.
    pub(super) async fn fill(&self, upload: &Upload<'_>) -> Result<(), RemoteError> {
        let source = upload.source;
        let told_bytes = source.size_bytes();
        let mut stream = source.open(0).await.map_err(RemoteError::Source)?;
        let mut gathered = Vec::new();
        let mut taken: u64 = 0;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(RemoteError::Source)?;
            taken += piece.len() as u64;
            if taken > told_bytes {
                let what = "more bytes came than were told";
                return Err(RemoteError::Source(BodyError::Malformed(what.to_owned())));
            }
            gathered.extend_from_slice(&piece);
            if gathered.len() >= GATHERED_BYTES {
                gathered = self.write(gathered).await?;
                upload.journal.arrived(taken);
            }
        }
        if taken < told_bytes {
            return Err(RemoteError::Source(BodyError::Incomplete));
        }
        self.write(gathered).await?;
        upload.journal.arrived(taken);
        Ok(())
    }

    async fn write(&self, mut bytes: Vec<u8>) -> Result<Vec<u8>, RemoteError> {
        let file = Arc::clone(&self.file);
        let written = blocking(move || {
            let written = (&*file).write_all(&bytes);
            bytes.clear();
            Ok(written.map(|()| bytes))
        })
        .await?;
        written.map_err(|error| self.fault(Errno::from_io_error(&error).unwrap_or(Errno::IO)))
    }

    fn fault(&self, errno: Errno) -> RemoteError {
        fault(errno, &self.place)
    }

    /// Makes it durable and puts it in its place.
    pub(super) fn finish(self, modified: Option<Millis>) -> Result<(Place, Stat), RemoteError> {
        let failed = |errno| self.fault(errno);
        if let Goal::Instead(before) = &self.goal {
            // Who may read it is up to whoever made it.
            fchmod(&self.file, Mode::from_raw_mode(before.st_mode & 0o7777)).map_err(failed)?;
        }
        if let Some(modified) = modified {
            futimens(&self.file, &times(modified)).map_err(failed)?;
        }
        fsync(&self.file).map_err(failed)?;
        let name = OsStr::from_bytes(self.place.0.last().expect("the root is no file"));
        match &self.goal {
            Goal::New => renaming::place(&self.folder, &*self.name, &self.folder, name).map_err(failed)?,
            Goal::Instead(before) => {
                let is_before = |stat: &Stat| items::is_same_content(before, stat);
                match renaming::replace(&self.folder, &self.name, name, is_before) {
                    Ok(true) => {}
                    Ok(false) => return Err(RemoteError::Changed),
                    Err(errno) => return Err(failed(errno)),
                }
            }
        }
        fsync(&self.folder).map_err(failed)?;
        let stat = fstat(&self.file).map_err(failed)?;
        Ok((self.place.clone(), stat))
    }
}

fn times(modified: Millis) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.0.div_euclid(1000),
            tv_nsec: modified.0.rem_euclid(1000) * 1_000_000,
        },
    }
}
