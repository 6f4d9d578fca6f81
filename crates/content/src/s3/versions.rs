//! Removing objects where every write makes a version.

use outbound::s3::name_of;
use outbound::{Failure, parse_xml};
use reqwest::Method;

use super::Inner;
use super::objects::LIST_BYTES;

/// How many versions are looked up at once.
const PAGE: &str = "100";
/// How many pages of them are removed before something must be wrong.
const MOST_PAGES: usize = 100;

impl Inner {
    /// Removes all versions of an object, and the marks that hide it. Without a version, a removal only
    /// adds a mark and the bytes stay.
    pub(super) async fn delete_versions(&self, name: &str) -> Result<(), Failure> {
        for _ in 0..MOST_PAGES {
            let versions = self.versions(name).await?;
            if versions.is_empty() {
                return Ok(());
            }
            for version in versions {
                self.delete_one(name, &[("versionId", &version)]).await?;
            }
        }
        Err(Failure::strange("versions of an object do not go away"))
    }

    async fn versions(&self, name: &str) -> Result<Vec<String>, Failure> {
        let query = [
            ("versions", ""),
            ("encoding-type", "url"),
            ("max-keys", PAGE),
            ("prefix", name),
        ];
        let answer = self
            .fetch(|| self.call(Method::GET, "", &query), LIST_BYTES)
            .await?;
        let top = parse_xml(&answer.body).filter(|top| top.name == "ListVersionsResult");
        let top = top.ok_or_else(|| Failure::strange("its list of versions cannot be read"))?;
        let all = top.all("Version").chain(top.all("DeleteMarker"));
        Ok(all
            .filter(|version| {
                let key = version.text_of("Key").unwrap_or_default();
                key == name || name_of(&top, key).as_deref() == Some(name)
            })
            .filter_map(|version| version.text_of("VersionId").map(str::to_owned))
            .collect())
    }
}
