//! Uploads in parts ("multipart"), and copies of what is too long for one request.

use bytes::Bytes;
use outbound::s3::CONTENT_SHA256;
use outbound::{Body, Element, Failure, Kind, base64, escaped, hex, parse_xml};
use reqwest::Method;

use super::super::store::{Copy, Ending, Notes, Sent, Session, Store as _, unquoted};
use super::{LIST_BYTES, S3, WORD_BYTES, checksums, conditional, noted};

/// What one part of a copy holds.
const COPY_PART_BYTES: u64 = 1024 * 1024 * 1024;

impl S3 {
    pub(super) async fn begin_parts(&self, key: &str, notes: &Notes) -> Result<String, Failure> {
        let make = || noted(self.call(Method::POST, key, &[("uploads", "")]), notes);
        let answer = self.quick(make).await?;
        let top = parse_xml(&answer.body);
        let id = top.as_ref().and_then(|top| top.text_of("UploadId"));
        let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        id.ok_or_else(|| Failure::strange("it does not tell the id of the upload"))
    }

    pub(super) async fn send_part(
        &self,
        session: Session<'_>,
        number: u32,
        body: Body,
    ) -> Result<Sent, Failure> {
        let (sha256, md5) = checksums(&body).await?;
        let text = number.to_string();
        let query = [("partNumber", text.as_str()), ("uploadId", session.id)];
        let make = || {
            let call = self
                .call(Method::PUT, session.key, &query)
                .with_body(body.clone());
            call.with_kind(Kind::Content)
                .with_header(CONTENT_SHA256, &sha256)
                .with_header("content-md5", &base64(&md5))
        };
        let answer = self.quick(make).await?;
        let tag = answer.header("etag").map(unquoted);
        let tag = tag.ok_or_else(|| Failure::strange("it does not tell the tag of a part"))?;
        if self.probed.tags_are_md5 && tag != hex(&md5) {
            return Err(Failure::strange("a part is not what was sent"));
        }
        Ok(Sent {
            number,
            size_bytes: body.len(),
            tag,
        })
    }

    pub(super) async fn list_parts(&self, session: Session<'_>) -> Result<Vec<Sent>, Failure> {
        let strange = || Failure::strange("its list of parts cannot be read");
        let mut parts: Vec<Sent> = Vec::new();
        loop {
            let last = parts.last().map_or(0, |part| part.number);
            let after = last.to_string();
            let query = [
                ("uploadId", session.id),
                ("max-parts", "1000"),
                ("part-number-marker", after.as_str()),
            ];
            let make = || self.call(Method::GET, session.key, &query).with_kind(Kind::List);
            let answer = self.fetch(make, LIST_BYTES).await?;
            let top = parse_xml(&answer.body).filter(|top| top.name.starts_with("ListParts"));
            let top = top.ok_or_else(strange)?;
            // A part without a tag cannot be named at the end: it is sent anew.
            let tagged = top.all("Part").filter(|part| part.text_of("ETag").is_some());
            let page = tagged.map(part_of).collect::<Option<Vec<_>>>();
            let mut page = page.ok_or_else(strange)?;
            page.retain(|part| part.number > last);
            page.sort_by_key(|part| part.number);
            let is_last = page.is_empty() || top.text_of("IsTruncated").map(str::trim) != Some("true");
            parts.extend(page);
            if is_last {
                return Ok(parts);
            }
        }
    }

    pub(super) async fn complete_parts(
        &self,
        ending: Ending<'_>,
        is_guarded: bool,
    ) -> Result<String, Failure> {
        let Ending {
            session, parts, when, ..
        } = ending;
        let body = Bytes::from(completion(parts));
        let query = [("uploadId", session.id)];
        let make = || {
            let call = self.call(Method::POST, session.key, &query);
            let mut call = call
                .with_body(Body::from(body.clone()))
                .with_header("content-type", "application/xml");
            // A long join is kept alive with a 200 before it is known how it ends.
            call.hides_errors = true;
            call.joined_bytes = parts.iter().map(|part| part.size_bytes).sum();
            match is_guarded {
                true => conditional(call, when),
                false => call,
            }
        };
        let answer = self.fetch(make, WORD_BYTES).await?;
        let top = parse_xml(&answer.body);
        let tag = top.as_ref().and_then(|top| top.text_of("ETag")).map(unquoted);
        tag.filter(|tag| !tag.is_empty())
            .ok_or_else(|| Failure::strange("it does not tell the tag of an object"))
    }

    /// Copies part by part.
    pub(super) async fn copy_parts(&self, copy: Copy<'_>) -> Result<(), Failure> {
        let seen = self.look(&copy.from.key).await?;
        let notes = seen.map(|seen| seen.notes).unwrap_or_default();
        let id = self.begin_parts(copy.to, &notes).await?;
        let session = Session {
            key: copy.to,
            id: &id,
        };
        let copied = self.copy_into(copy, session, &notes).await;
        if copied.is_err() {
            // Why it failed says more than why it could not be given up.
            self.abort(session).await.ok();
        }
        copied
    }

    async fn copy_into(&self, copy: Copy<'_>, session: Session<'_>, notes: &Notes) -> Result<(), Failure> {
        let mut parts = Vec::new();
        let mut start = 0;
        while start < copy.from.size_bytes {
            let end = copy.from.size_bytes.min(start + COPY_PART_BYTES);
            let number = parts.len() as u32 + 1;
            let text = number.to_string();
            let query = [("partNumber", text.as_str()), ("uploadId", session.id)];
            let make = || {
                let mut call = self
                    .call(Method::PUT, copy.to, &query)
                    .with_header("x-amz-copy-source", &self.copy_source(&copy.from.key))
                    .with_header("x-amz-copy-source-if-match", &format!("\"{}\"", copy.from.tag))
                    .with_header("x-amz-copy-source-range", &format!("bytes={start}-{}", end - 1));
                call.hides_errors = true;
                call.joined_bytes = end - start;
                call
            };
            let answer = self.quick(make).await?;
            let top = parse_xml(&answer.body);
            let tag = top.as_ref().and_then(|top| top.text_of("ETag")).map(unquoted);
            parts.push(Sent {
                number,
                size_bytes: end - start,
                tag: tag.ok_or_else(|| Failure::strange("it does not tell the tag of a part"))?,
            });
            start = end;
        }
        let ending = Ending {
            session,
            parts: &parts,
            notes,
            when: copy.when,
            md5: None,
        };
        self.complete_parts(ending, self.probed.guards_parts)
            .await
            .map(drop)
    }
}

fn part_of(part: &Element) -> Option<Sent> {
    Some(Sent {
        number: part.text_of("PartNumber")?.trim().parse().ok()?,
        size_bytes: part.text_of("Size")?.trim().parse().ok()?,
        tag: unquoted(part.text_of("ETag")?),
    })
}

/// The document that names the parts of a whole.
fn completion(parts: &[Sent]) -> String {
    let parts: String = parts
        .iter()
        .map(|part| {
            let (number, tag) = (part.number, escaped(&part.tag));
            format!("<Part><PartNumber>{number}</PartNumber><ETag>&quot;{tag}&quot;</ETag></Part>")
        })
        .collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    )
}

/// The entity tag of an object that was made of parts: the MD5 of theirs, and how many they are.
pub(crate) fn tag_of_parts(parts: &[Sent]) -> Option<String> {
    use md5::{Digest as _, Md5};
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(super::md5_of_tag(&part.tag)?);
    }
    let digest: [u8; 16] = md5.finalize().into();
    Some(format!("{}-{}", hex(&digest), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::super::super::store::When;
    use super::*;

    #[test]
    fn the_tag_of_parts_is_that_of_the_service() {
        let part = |number, tag: &str| Sent {
            number,
            size_bytes: 1,
            tag: tag.to_owned(),
        };
        let (a, b) = (
            "0cc175b9c0f1b6a831c399e269772661",
            "92eb5ffee6ae2fec3ad71c777531578f",
        );

        let tag = tag_of_parts(&[part(1, a), part(2, b)]);

        assert_eq!(tag.as_deref(), Some("96e024ba2074fe77e8e965ba43a704be-2"));
        assert_eq!(tag_of_parts(&[part(1, "no-digits")]), None);
    }

    #[test]
    fn the_end_names_each_part() {
        let part = Sent {
            number: 7,
            size_bytes: 1,
            tag: "a&b".to_owned(),
        };

        assert!(
            completion(&[part])
                .contains("<Part><PartNumber>7</PartNumber><ETag>&quot;a&amp;b&quot;</ETag></Part>")
        );
    }

    #[test]
    fn what_is_written_always_has_no_condition() {
        let call = outbound::Call::new(Method::PUT, String::new());
        assert!(conditional(call, &When::Always).headers.is_empty());
    }
}
