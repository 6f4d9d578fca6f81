//! Other hashes of contents that we hold, as providers tell them.

use std::collections::HashMap;

use model::Digest;

use crate::CatalogError;
use crate::db::Tx;
use crate::listings::CHUNK;
use crate::lists;

/// Hashes of contents by their SHA-256: kinds and texts.
pub type ContentHashes = HashMap<Digest, Vec<(String, String)>>;

impl Tx {
    /// Writes down hashes of a content: kinds and texts.
    pub async fn put_content_hashes(
        &mut self,
        content: &Digest,
        hashes: &[(&str, &str)],
    ) -> Result<(), CatalogError> {
        for (kind, text) in hashes {
            self.execute(
                "INSERT INTO content_hashes (digest, kind, text) VALUES ($1, $2, $3)
                 ON CONFLICT (digest, kind) DO UPDATE SET text = excluded.text",
                &[(*content).into(), (*kind).into(), (*text).into()],
            )
            .await?;
        }
        Ok(())
    }

    /// What is known of these contents; those of which nothing is are left out.
    pub async fn content_hashes(&mut self, contents: &[Digest]) -> Result<ContentHashes, CatalogError> {
        let mut found = ContentHashes::new();
        for chunk in contents.chunks(CHUNK) {
            let mut params = Vec::new();
            let list = lists::holders(&mut params, chunk.iter().map(|each| (*each).into()).collect());
            let sql = format!(
                "SELECT digest, kind, text FROM content_hashes WHERE digest IN ({list}) ORDER BY digest, kind"
            );
            for row in self.query(&sql, &params).await? {
                if let Some(digest) = crate::digest(&row.bytes(0)?)? {
                    let hashes = found.entry(digest).or_default();
                    hashes.push((row.text(1)?, row.text(2)?));
                }
            }
        }
        Ok(found)
    }

    /// Forgets the hashes of contents that are no longer held.
    pub(crate) async fn forget_content_hashes(&mut self, contents: &[Digest]) -> Result<(), CatalogError> {
        for chunk in contents.chunks(CHUNK) {
            let mut params = Vec::new();
            let list = lists::holders(&mut params, chunk.iter().map(|each| (*each).into()).collect());
            let sql = format!("DELETE FROM content_hashes WHERE digest IN ({list})");
            self.execute(&sql, &params).await?;
        }
        Ok(())
    }
}
