//! Settings of a bucket, and what follows from them.

use std::sync::Arc;

use outbound::azure::{AzureDialect, Connection};
use outbound::s3::{Address, Credentials, Signer, parse_prefix};
use outbound::{Client, Dialect};
use tokio::sync::Mutex;

use super::azure::Azure;
use super::place::TRASH;
use super::s3::{MARK, S3};
use super::siblings::Siblings;
use super::store::Store;
use super::trash::{KEY_BYTES, TRASH_BYTES};
use super::{Bucket, BucketOptions, BucketPlace};
use crate::{Abilities, Conditions, Feed, HashKind, NameRules, Relocation, RemoteError, TrashKind};

/// The longest part: what an upload holds in memory.
const LONGEST_PART_BYTES: u64 = 128 * 1024 * 1024;
/// The shortest part that S3 takes.
const SHORTEST_PART_BYTES: u64 = 5 * 1024 * 1024;

impl Bucket {
    /// Takes the settings; nothing is asked yet.
    ///
    /// # Errors
    /// `Misconfigured` with a sentence when they cannot be right.
    pub fn open(options: BucketOptions) -> Result<Self, RemoteError> {
        let prefix = parse_prefix(&options.prefix).map_err(RemoteError::Misconfigured)?;
        let owner = match &options.place {
            BucketPlace::S3 { bucket, .. } => format!("{bucket}/{prefix}"),
            BucketPlace::Azure { container, .. } => format!("{container}/{prefix}"),
        };
        let store = match &options.place {
            BucketPlace::S3 { .. } => open_s3(&options)?,
            BucketPlace::Azure { .. } => open_azure(&options)?,
        };
        let part_bytes = options.part_bytes.clamp(SHORTEST_PART_BYTES, LONGEST_PART_BYTES);
        Ok(Self {
            abilities: abilities(store.as_ref(), &prefix, part_bytes),
            store,
            prefix,
            owner: owner.trim_end_matches('/').to_owned(),
            part_bytes,
            clock: options.clock,
            locks: std::array::from_fn(|_| Mutex::new(())),
            siblings: Siblings::default(),
        })
    }
}

fn client(options: &BucketOptions, dialect: Arc<dyn Dialect>) -> Client {
    let (wire, clock) = (options.wire.clone(), Arc::clone(&options.clock));
    let client = Client::over(wire, &options.name, dialect, clock, options.patience);
    match &options.gate {
        Some(gate) => client.gated(Arc::clone(gate)),
        None => client,
    }
}

fn open_s3(options: &BucketOptions) -> Result<Arc<dyn Store>, RemoteError> {
    let BucketPlace::S3 {
        endpoint,
        region,
        bucket,
        access_key,
        secret_key,
        session_token,
        path_style,
    } = &options.place
    else {
        return Err(RemoteError::Misconfigured("it is no bucket of S3".to_owned()));
    };
    if access_key.is_empty() || secret_key.reveal().is_empty() {
        let reason = "the access key and the secret key must be set";
        return Err(RemoteError::Misconfigured(reason.to_owned()));
    }
    let address =
        Address::parse(endpoint.as_deref(), bucket, *path_style).map_err(RemoteError::Misconfigured)?;
    let told = address.told_region().map(str::to_owned);
    let region = region.clone().or(told).unwrap_or_else(|| "us-east-1".to_owned());
    let credentials = Credentials {
        access_key: access_key.clone(),
        secret_key: secret_key.clone(),
        session_token: session_token.clone(),
    };
    let signer = Arc::new(Signer::new(credentials, Arc::clone(&options.clock), region));
    Ok(Arc::new(S3 {
        client: client(options, Arc::clone(&signer) as Arc<dyn Dialect>),
        signer,
        address,
        bucket: bucket.clone(),
        probed: options.probed,
        clock: Arc::clone(&options.clock),
    }))
}

fn open_azure(options: &BucketOptions) -> Result<Arc<dyn Store>, RemoteError> {
    let BucketPlace::Azure {
        connection,
        container,
    } = &options.place
    else {
        return Err(RemoteError::Misconfigured(
            "it is no container of Azure".to_owned(),
        ));
    };
    let connection = Connection::parse(connection.reveal()).map_err(RemoteError::Misconfigured)?;
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'$');
    if !(3..=63).contains(&container.len()) || !container.bytes().all(is_letter) {
        let reason = "the container's name must be 3 to 63 small letters, digits and hyphens";
        return Err(RemoteError::Misconfigured(reason.to_owned()));
    }
    let dialect = Arc::new(AzureDialect {
        account: connection.account,
        credential: connection.credential,
        clock: Arc::clone(&options.clock),
    });
    Ok(Arc::new(Azure {
        client: client(options, Arc::clone(&dialect) as Arc<dyn Dialect>),
        dialect,
        endpoint: connection.endpoint,
        container: container.clone(),
        clock: Arc::clone(&options.clock),
    }))
}

fn abilities(store: &dyn Store, prefix: &str, part_bytes: u64) -> Abilities {
    let probed = store.probed();
    let is_azure = store.lists_notes();
    let mark_bytes = if probed.hides_marks { MARK.len() } else { 0 };
    Abilities {
        feed: Feed::Listing,
        has_ids: false,
        has_duplicates: false,
        has_empty_folders: true,
        is_read_only: false,
        hashes: match is_azure || probed.tags_are_md5 {
            true => &[HashKind::Sha256, HashKind::Md5],
            false => &[],
        },
        // Listings of S3 tell when an object was written, not what is noted beside it.
        modified_step_ms: is_azure.then_some(1),
        conditions: Conditions {
            create: probed.guards_puts && probed.guards_parts,
            replace: probed.guards_puts && probed.guards_parts,
            detects_overwritten: false,
            relocate: probed.guards_deletes,
            trash: probed.guards_deletes,
            empty: true,
        },
        relocation: Relocation::Copied,
        trash: TrashKind::Folder(TRASH),
        restores: false,
        has_revisions: false,
        has_documents: false,
        gives_ids: false,
        has_direct_links: store.signs(),
        watches: false,
        notifies: None,
        largest_bytes: store.most_parts() * LONGEST_PART_BYTES,
        resumes_from_bytes: Some(part_bytes),
        names: NameRules {
            longest_path: Some(KEY_BYTES - TRASH_BYTES - mark_bytes - prefix.len()),
            forbidden: if is_azure { "/\\" } else { "/" },
            forbids_controls: true,
            // Azure drops them from the end of every part of a path.
            forbidden_ends: if is_azure { "." } else { "" },
            ..NameRules::ANY
        },
        limits: &[
            "a file is copied and then removed when it is moved, which a bucket charges for",
            "changes are found by listing the whole bucket",
        ],
    }
}
