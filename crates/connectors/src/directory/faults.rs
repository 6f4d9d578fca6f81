//! What an error of the file system means.

use rustix::io::Errno;

use super::place::Place;
use crate::RemoteError;

/// What an error means that came of an item.
pub(super) fn fault(errno: Errno, place: &Place) -> RemoteError {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::STALE => {
            RemoteError::NotFound
        }
        Errno::EXIST | Errno::NOTEMPTY => RemoteError::Exists,
        Errno::ISDIR => RemoteError::NoContent,
        Errno::NOSPC => RemoteError::Full("its file system has no room".to_owned()),
        Errno::DQUOT => RemoteError::Full("its file system's quota is reached".to_owned()),
        Errno::ACCESS | Errno::PERM => refused("EACCES", &of_place("the server has no right to", place)),
        Errno::ROFS => refused("EROFS", "its file system can only be read"),
        Errno::XDEV => refused("EXDEV", "another file system is mounted in between"),
        Errno::FBIG => refused("EFBIG", "its file system takes no file that long"),
        Errno::ILSEQ | Errno::INVAL => refused("EINVAL", "its file system does not take that name"),
        Errno::BUSY | Errno::TXTBSY => RemoteError::Locked,
        other => RemoteError::Unavailable(format!("the file system says {}", code(other))),
    }
}

pub(super) fn refused(code: &str, reason: &str) -> RemoteError {
    RemoteError::Refused {
        code: code.to_owned(),
        reason: reason.to_owned(),
    }
}

fn of_place(what: &str, place: &Place) -> String {
    if place.is_root() {
        format!("{what} the folder itself")
    } else {
        format!("{what} `{}`", place.shown())
    }
}

fn code(errno: Errno) -> String {
    match errno {
        Errno::IO => "EIO".to_owned(),
        Errno::MFILE | Errno::NFILE => "EMFILE".to_owned(),
        Errno::TIMEDOUT => "ETIMEDOUT".to_owned(),
        other => format!("error {}", other.raw_os_error()),
    }
}
