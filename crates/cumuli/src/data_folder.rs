//! The data folder: who may look into it, its lock, generated secrets and the setup code.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::fs::{FlockOperation, flock};

use crate::settings::Secret;

mod token_keys;

#[cfg(test)]
mod tests;

pub use token_keys::Change;

/// The random bytes of a generated secret.
const SECRET_BYTES: usize = 32;
/// The random bytes of the setup code: 128 bits.
const CODE_BYTES: usize = 16;
/// Larger files in the data folder are not secrets.
const MOST_SECRET_BYTES: u64 = 4096;

/// The folder of generated secrets.
const KEYS: &str = "keys";

/// The folder that holds everything of one installation. Nobody else may look into it.
#[derive(Clone)]
pub struct DataFolder {
    path: PathBuf,
}

/// Holds the data folder for one server. The lock goes with the process, even by `kill -9`.
pub struct DataLock {
    _file: File,
}

impl DataFolder {
    /// Opens the folder and makes it if it is missing, with nobody else's eyes on it.
    ///
    /// # Errors
    /// When it cannot be made, is not a folder, or cannot be written to.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        make_folder(path)?;
        Self::open_existing(path)
    }

    /// Opens the folder if it is there, so that a slip in its name makes no empty installation.
    ///
    /// # Errors
    /// When it is missing, not a folder, or cannot be written to.
    pub fn open_existing(path: &Path) -> anyhow::Result<Self> {
        if !path.is_dir() {
            bail!(
                "there is no data folder {}: name the right one with --data, or let `cumuli serve` make it",
                path.display()
            );
        }
        let path = fs::canonicalize(path)
            .with_context(|| format!("the data folder {} cannot be opened", path.display()))?;
        if rustix::fs::access(&path, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_err() {
            bail!(
                "the data folder {} cannot be written to by this user",
                path.display()
            );
        }
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether other users of the machine may look into it. A folder that was there before keeps
    /// its mode, since it may be shared on purpose.
    pub fn is_open_to_others(&self) -> io::Result<bool> {
        Ok(fs::metadata(&self.path)?.mode() & 0o077 != 0)
    }

    /// The file of the SQLite database.
    pub fn database(&self) -> PathBuf {
        self.path.join("cumuli.db")
    }

    /// Takes the folder for this process.
    ///
    /// # Errors
    /// When another server runs on it, or the file system knows no locks.
    pub fn lock(&self) -> anyhow::Result<DataLock> {
        DataLock::take(&self.lock_file())
    }

    /// Returns the secret `keys/<name>.key`, and makes it the first time.
    ///
    /// # Errors
    /// When it cannot be kept, others may read it, or it is too weak to be one of ours.
    pub fn secret(&self, name: &str) -> anyhow::Result<Secret> {
        let folder = self.path.join(KEYS);
        make_folder(&folder)?;
        let path = folder.join(format!("{name}.key"));
        if !path.exists() {
            let text = BASE64.encode(random::<SECRET_BYTES>());
            write_private(&path, &text)?;
        }
        read_secret(&path)
    }

    /// Copies the generated secrets into `keys` of another folder, where nobody else can read them either.
    ///
    /// # Errors
    /// When one cannot be read or written.
    pub fn copy_secrets_to(&self, folder: &Path) -> anyhow::Result<()> {
        let target = folder.join(KEYS);
        for (name, text) in secrets(&self.path.join(KEYS))? {
            make_folder(&target)?;
            put_secret(&target.join(name), &text)?;
        }
        Ok(())
    }

    /// Takes over the secrets of a backup. One of the same name that differs is kept beside it: nothing is stored
    /// here that it would open.
    ///
    /// # Errors
    /// When one cannot be read or written, or others may read it.
    pub fn take_secrets_from(&self, folder: &Path) -> anyhow::Result<()> {
        let target = self.path.join(KEYS);
        for (name, text) in secrets(&folder.join(KEYS))? {
            make_folder(&target)?;
            put_secret(&target.join(name), &text)?;
        }
        Ok(())
    }

    /// Returns the code that makes the first account from another machine, and makes it the first
    /// time. Whether there is an account is for the caller to know.
    ///
    /// # Errors
    /// When it cannot be kept, or others may read it.
    pub fn setup_code(&self) -> anyhow::Result<Secret> {
        let path = self.setup_code_file();
        if !path.exists() {
            write_private(&path, &readable(random::<CODE_BYTES>()))?;
        }
        let text = read_private(&path)?;
        let code = text.trim().to_owned();
        if code.len() < CODE_BYTES * 8 / 5 {
            bail!(
                "the setup code in {} is too short: remove the file and start again",
                path.display()
            );
        }
        Ok(Secret::new(code))
    }

    /// Where the lock is.
    pub fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Where the setup code is kept.
    pub fn setup_code_file(&self) -> PathBuf {
        self.path.join("setup-code")
    }

    /// Removes the setup code, which is of no use once there is an account.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove_setup_code(&self) -> anyhow::Result<()> {
        let path = self.setup_code_file();
        match fs::remove_file(&path) {
            Ok(()) => flush_folder(&self.path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be removed", path.display())),
        }
    }
}

impl DataLock {
    /// Takes the lock file at `path`, and makes it if it is missing.
    ///
    /// # Errors
    /// When another process holds it, or the file system knows no locks.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("the lock file {} cannot be opened", path.display()))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Only for the message; who holds the lock may be writing it just now.
                let _ = file.read_to_string(&mut holder);
                bail!(
                    "another server (process {}) runs here and holds {}: stop it, or give this one a folder of \
                     its own with --data",
                    holder.trim(),
                    path.display()
                );
            }
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("the file system of {} cannot lock files", path.display()));
            }
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("the lock file {} cannot be written", path.display()))?;
        Ok(Self { _file: file })
    }

    /// Whether a server runs here now. Holds nothing afterwards.
    pub fn is_taken(path: &Path) -> bool {
        File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }
}

fn make_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("the folder {} cannot be made", path.display()))?;
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => flush_folder(Path::new(".")),
        Some(parent) => flush_folder(parent),
        None => Ok(()),
    }
}

/// Reads a secret that we generated.
fn read_secret(path: &Path) -> anyhow::Result<Secret> {
    let text = read_private(path)?;
    let bytes = BASE64.decode(text.trim()).ok();
    let Some(bytes) = bytes.filter(|bytes| bytes.len() >= SECRET_BYTES) else {
        bail!(
            "the secret in {} is too short or damaged: restore it from a backup; without it every sign-in \
             made so far ends",
            path.display()
        );
    };
    if bytes.iter().all(|byte| *byte == 0) {
        bail!(
            "the secret in {} is all zeros, which anybody can guess",
            path.display()
        );
    }
    Ok(Secret::new(text.trim().to_owned()))
}

/// Writes a new file that only this user can read, whole or not at all. A file that another
/// process made in the meantime stays.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", path.display());
    let folder = path.parent().with_context(cannot)?;
    let draft = folder.join(format!(".draft-{}", base32(random::<10>())));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            writeln!(file, "{text}")?;
            file.sync_all()
        })
        // A link fails where a rename would replace.
        .and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    match written {
        Ok(()) => removed.with_context(cannot)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(cannot),
    }
    flush_folder(folder)
}

/// The secrets in a folder with their names; none when there is no folder.
fn secrets(folder: &Path) -> anyhow::Result<Vec<(OsString, String)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", folder.display())),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "key")
        {
            found.push((entry.file_name(), read_private(&entry.path())?));
        }
    }
    Ok(found)
}

/// Writes a secret. Another one of that name gets the next free name with a number.
fn put_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    if path.exists() {
        if read_private(path)?.trim() == text.trim() {
            return Ok(());
        }
        let mut names = (1..).map(|number| path.with_extension(format!("key.before-{number}")));
        let free = names
            .find(|name| !name.exists())
            .unwrap_or_else(|| path.to_owned());
        fs::rename(path, &free).with_context(|| format!("{} cannot be moved aside", path.display()))?;
    }
    write_private(path, text.trim_end())
}

fn read_private(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("{} cannot be read", path.display());
    let file = File::open(path).with_context(cannot)?;
    let metadata = file.metadata().with_context(cannot)?;
    if metadata.mode() & 0o077 != 0 {
        bail!(
            "other users of this machine may read {}: run `chmod 600 {}`, and replace the secret if somebody \
             may have read it",
            path.display(),
            path.display()
        );
    }
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != own && own != 0 {
        bail!("{} belongs to another user of this machine", path.display());
    }
    let mut text = String::new();
    file.take(MOST_SECRET_BYTES)
        .read_to_string(&mut text)
        .with_context(cannot)?;
    Ok(text)
}

fn flush_folder(path: &Path) -> anyhow::Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("the folder {} cannot be flushed", path.display()))
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's generator of random bytes always answers");
    bytes
}

/// A code that a person can type: base32 in groups of five.
fn readable(bytes: [u8; CODE_BYTES]) -> String {
    let code = base32(bytes);
    let groups: Vec<&str> = (0..code.len())
        .step_by(5)
        .map(|start| &code[start..code.len().min(start + 5)])
        .collect();
    groups.join("-")
}

/// Crockford's base32 in lower case, which has no letters that look like digits.
fn base32<const N: usize>(bytes: [u8; N]) -> String {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut text = String::new();
    let (mut buffer, mut bits) = (0_u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(DIGITS[(buffer >> bits & 31) as usize]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(DIGITS[(buffer << (5 - bits) & 31) as usize]));
    }
    text
}
