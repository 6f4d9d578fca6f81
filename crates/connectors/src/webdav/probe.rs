//! What this server can do beyond what every WebDAV server does, found out once by trying it.

use bytes::Bytes;
use model::Millis;
use outbound::Call;
use reqwest::Method;

use super::WebDav;
use super::ask::{ANSWER_BYTES, method};
use super::place::Place;
use super::props::Found;
use crate::{HashKind, RemoteError};

/// A time that no file has by chance.
const THEN: Millis = Millis(1_614_834_367_000);

/// What a server can do. As text it is [`crate::About::flavour`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Features {
    /// Nothing can be written.
    pub(super) is_read_only: bool,
    /// `If-None-Match: *` and `If-Match` are kept.
    pub(super) has_conditions: bool,
    /// A content that breaks off on its way is not seen.
    pub(super) is_whole: bool,
    /// Files keep the time that `X-OC-Mtime` gives them.
    pub(super) has_times: bool,
    /// `oc:checksums` tells SHA-1.
    pub(super) has_sha1: bool,
    /// `oc:checksums` tells MD5.
    pub(super) has_md5: bool,
    /// It moves to names that have what divides addresses, however they are encoded.
    pub(super) has_odd_names: bool,
}

/// What divides addresses. Some servers decode where something is to be moved to before they take it apart.
pub(super) const ODD: &[char] = &['?', '#', ';'];

impl Features {
    /// Reads what [`Features::text`] wrote. What is not known is passed over.
    pub(super) fn parse(text: &str) -> Self {
        let has = |word: &str| text.split('+').any(|one| one == word);
        Self {
            is_read_only: has("reads"),
            has_conditions: has("conditions"),
            is_whole: has("whole"),
            has_times: has("times"),
            has_sha1: has("sha1"),
            has_md5: has("md5"),
            has_odd_names: has("odd"),
        }
    }

    pub(super) fn text(self) -> String {
        let words = [
            (true, "webdav"),
            (self.is_read_only, "reads"),
            (self.has_conditions, "conditions"),
            (self.is_whole, "whole"),
            (self.has_times, "times"),
            (self.has_sha1, "sha1"),
            (self.has_md5, "md5"),
            (self.has_odd_names, "odd"),
        ];
        let told: Vec<&str> = words
            .iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, word)| *word)
            .collect();
        told.join("+")
    }

    /// A content may be sent straight to its place.
    pub(super) const fn is_direct(self) -> bool {
        self.has_conditions && self.is_whole
    }

    pub(super) const fn hashes(self) -> &'static [HashKind] {
        match (self.has_sha1, self.has_md5) {
            (true, true) => &[HashKind::Sha1, HashKind::Md5],
            (true, false) => &[HashKind::Sha1],
            (false, true) => &[HashKind::Md5],
            (false, false) => &[],
        }
    }
}

impl WebDav {
    /// Tries what the server does with a file of ours, which is removed again.
    pub(super) async fn probe(&self, root: &Found) -> Result<Features, RemoteError> {
        let place = Place::root().join(&format!("{}probe-{}", super::writing::TEMPORARY, self.random()));
        let written = self.try_put(&place, "1", None).await;
        let features = match written {
            Ok(true) => self.probe_further(&place, root).await,
            Ok(false) => Ok(Features {
                is_read_only: true,
                ..Features::default()
            }),
            Err(error) => return Err(error),
        };
        self.discard(&place).await;
        features
    }

    async fn probe_further(&self, place: &Place, root: &Found) -> Result<Features, RemoteError> {
        let creates = self.try_put(place, "2", Some(("if-none-match", "*"))).await?;
        let replaces = self
            .try_put(place, "3", Some(("if-match", "\"another\"")))
            .await?;
        self.try_put(place, "4", None).await?;
        let found = self.look(place).await?.unwrap_or_default();
        let (above, name) = place.split().ok_or(RemoteError::NotFound)?;
        let odd = above.join(&format!("{name}{}", ODD.iter().collect::<String>()));
        let has_odd_names = self.moves(place, &odd).await;
        if has_odd_names {
            self.discard(&odd).await;
        }
        Ok(Features {
            has_odd_names,
            is_read_only: false,
            has_conditions: !creates && !replaces && found.etag.is_some(),
            // Of ownCloud and Nextcloud, which have ids, it is known.
            is_whole: root.own_id.is_some(),
            has_times: found.modified == Some(THEN),
            has_sha1: found.hashes.sha1.is_some(),
            has_md5: found.hashes.md5.is_some(),
        })
    }

    /// Whether something that is moved is where it was moved to.
    async fn moves(&self, from: &Place, to: &Place) -> bool {
        let call = Call::new(method("MOVE"), self.base.url(from, false))
            .with_header("destination", &self.base.url(to, false))
            .with_header("overwrite", "F");
        let moved = self.client.fetch(&call, ANSWER_BYTES).await.is_ok();
        moved && matches!(self.look(to).await, Ok(Some(_)))
    }

    /// Writes; whether it was taken.
    async fn try_put(
        &self,
        place: &Place,
        content: &'static str,
        condition: Option<(&'static str, &str)>,
    ) -> Result<bool, RemoteError> {
        let mut call = Call::new(Method::PUT, self.base.url(place, false))
            .with_header("x-oc-mtime", &(THEN.0 / 1000).to_string())
            .with_body(Bytes::from_static(content.as_bytes()).into());
        if let Some((name, value)) = condition {
            call.set_header(name, value);
        }
        match self.client.fetch(&call, ANSWER_BYTES).await {
            Ok(_) => Ok(true),
            Err(failure) if matches!(failure.status(), Some(403 | 405 | 412 | 501)) => Ok(false),
            Err(failure) => Err(self.error(failure)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_out_is_read_again() {
        for features in [
            Features::default(),
            Features {
                is_read_only: true,
                ..Features::default()
            },
            Features {
                is_read_only: false,
                has_conditions: true,
                is_whole: true,
                has_times: true,
                has_sha1: true,
                has_md5: true,
                has_odd_names: true,
            },
        ] {
            assert_eq!(Features::parse(&features.text()), features);
        }
        assert_eq!(Features::parse("something newer"), Features::default());
    }
}
