//! Uploads in parts ("multipart").

use bytes::Bytes;
use model::Millis;
use outbound::s3::{name_of, time_of};
use outbound::{Element, Failure, escaped, parse_xml};
use reqwest::Method;

use super::Inner;
use super::objects::{LIST_BYTES, WORD_BYTES};
use crate::error::Told as _;
use crate::key::Key;
use crate::{ContentError, Part, Parts};

/// How many uploads or parts are listed at once.
const PAGE: &str = "1000";

impl Inner {
    /// The object's name of an upload.
    pub(super) fn upload_name(&self, upload: &Parts) -> Result<String, ContentError> {
        let key = Key::parse(&upload.key).ok_or(ContentError::Missing)?;
        Ok(self.blob(&key))
    }

    pub(super) async fn begin(&self, key: &Key) -> Result<Parts, ContentError> {
        let token = self.begin_named(&self.blob(key)).await;
        Ok(Parts {
            key: key.to_string(),
            token: token.map_err(|failure| self.client.error(failure))?,
        })
    }

    /// Begins an upload and returns its id. When an answer is lost and the request sent again, an upload
    /// without parts is left behind.
    pub(super) async fn begin_named(&self, name: &str) -> Result<String, Failure> {
        let make = || {
            let call = self.call(Method::POST, name, &[("uploads", "")]);
            call.with_header("content-type", "application/octet-stream")
        };
        let answer = self.fetch(make, WORD_BYTES).await?;
        let top = parse_xml(&answer.body);
        let id = top.as_ref().and_then(|top| top.text_of("UploadId"));
        let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
        id.ok_or_else(|| Failure::strange("it does not tell the id of the upload"))
    }

    pub(super) async fn put_part(
        &self,
        upload: &Parts,
        number: u32,
        bytes: Vec<Bytes>,
    ) -> Result<String, ContentError> {
        let name = self.upload_name(upload)?;
        let number = number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", &upload.token)];
        let body = bytes.into();
        let sent = async {
            let proofs = self.proofs(&body, None).await?;
            let make = || proofs.on(self.call(Method::PUT, &name, &query).with_body(body.clone()));
            let answer = self.fetch(make, WORD_BYTES).await?;
            let tag = answer.header("etag").map(str::to_owned);
            tag.ok_or_else(|| Failure::strange("it does not tell the tag of the part"))
        };
        sent.await.map_err(|failure| self.gone_or(failure))
    }

    pub(super) async fn parts(&self, upload: &Parts) -> Result<Vec<Part>, ContentError> {
        let name = self.upload_name(upload)?;
        let listed = self.list_parts(&name, &upload.token).await;
        listed.map_err(|failure| self.gone_or(failure))
    }

    async fn list_parts(&self, name: &str, id: &str) -> Result<Vec<Part>, Failure> {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            let after = parts.last().map_or(0, |part| part.number).to_string();
            let query = [
                ("uploadId", id),
                ("max-parts", PAGE),
                ("part-number-marker", after.as_str()),
            ];
            let answer = self
                .fetch(|| self.call(Method::GET, name, &query), LIST_BYTES)
                .await?;
            let top = parse_xml(&answer.body).filter(|top| top.name.starts_with("ListParts"));
            let top = top.ok_or_else(|| Failure::strange("its list of parts cannot be read"))?;
            let last = parts.last().map_or(0, |part| part.number);
            let page = top.all("Part").map(part_of).collect::<Option<Vec<_>>>();
            let mut page = page.ok_or_else(|| Failure::strange("its list of parts cannot be read"))?;
            page.retain(|part| part.number > last);
            page.sort_by_key(|part| part.number);
            let is_last = page.is_empty() || top.text_of("IsTruncated").map(str::trim) != Some("true");
            parts.extend(page);
            if is_last {
                return Ok(parts);
            }
        }
    }

    pub(super) async fn complete(&self, upload: &Parts, parts: &[Part]) -> Result<(), ContentError> {
        let name = self.upload_name(upload)?;
        let body = Bytes::from(completion(parts));
        let query = [("uploadId", upload.token.as_str())];
        let make = || {
            let mut call = self.call(Method::POST, &name, &query);
            // A long join is kept alive with a 200 before it is known how it ends.
            call.hides_errors = true;
            call.joined_bytes = parts.iter().map(|part| part.size_bytes).sum();
            call.with_body(body.clone().into())
                .with_header("content-type", "application/xml")
        };
        let Err(failure) = self.fetch(make, WORD_BYTES).await else {
            return Ok(());
        };
        // It may have succeeded before, and the answer was lost. What stores say then differs.
        let size_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
        let found = self.length(&name).await;
        match found.map_err(|failure| self.client.error(failure))? {
            Some(found_bytes) if found_bytes == size_bytes => return Ok(()),
            Some(_) => return Err(self.client.rejected("the upload was completed with other parts")),
            None => {}
        }
        let is_gone = is_gone(&failure)
            || matches!(self.list_parts(&name, &upload.token).await, Err(failure) if is_gone(&failure));
        match is_gone {
            true => Err(ContentError::Missing),
            false => Err(self.client.error(failure)),
        }
    }

    pub(super) async fn abort(&self, upload: &Parts) -> Result<(), ContentError> {
        let name = self.upload_name(upload)?;
        let aborted = self.abort_named(&name, &upload.token).await;
        aborted.map_err(|failure| self.client.error(failure))
    }

    pub(super) async fn abort_named(&self, name: &str, id: &str) -> Result<(), Failure> {
        let query = [("uploadId", id)];
        let aborted = self
            .fetch(|| self.call(Method::DELETE, name, &query), WORD_BYTES)
            .await;
        let Err(failure) = aborted else { return Ok(()) };
        // Some stores refuse to give up what they do not know. What holds no parts holds no room either.
        let holds_nothing = is_gone(&failure)
            || match self.list_parts(name, id).await {
                Ok(parts) => parts.is_empty(),
                Err(failure) => is_gone(&failure),
            };
        if holds_nothing { Ok(()) } else { Err(failure) }
    }

    pub(super) async fn unfinished(
        &self,
        older_than: Millis,
        limit: usize,
    ) -> Result<Vec<Parts>, ContentError> {
        let folder = format!("{}blobs/", self.prefix);
        let mut found = Vec::new();
        let mut mark = Some((String::new(), String::new()));
        while let Some((key, id)) = mark.take() {
            let page = match self.uploads(&folder, &key, &id).await {
                Ok(page) => page,
                // Some stores cannot list them; rules of the bucket have to do it there.
                Err(failure) if matches!(failure.status(), Some(405 | 501)) => return Ok(Vec::new()),
                Err(failure) => return Err(self.client.error(failure)),
            };
            for upload in page.all("Upload") {
                let begun = upload.text_of("Initiated").map_or(Millis(0), time_of);
                if begun < older_than {
                    found.extend(upload_of(&page, upload, &folder));
                }
            }
            if found.len() >= limit {
                found.truncate(limit);
                break;
            }
            mark = next_mark(&page).filter(|next| *next != (key, id));
        }
        Ok(found)
    }

    /// A page of uploads that are neither completed nor aborted.
    pub(super) async fn uploads(&self, folder: &str, key: &str, id: &str) -> Result<Element, Failure> {
        let mut query = vec![
            ("uploads", ""),
            ("encoding-type", "url"),
            ("max-uploads", PAGE),
            ("prefix", folder),
        ];
        if !key.is_empty() {
            query.extend([("key-marker", key), ("upload-id-marker", id)]);
        }
        let answer = self
            .fetch(|| self.call(Method::GET, "", &query), LIST_BYTES)
            .await?;
        let top = parse_xml(&answer.body).filter(|top| top.name == "ListMultipartUploadsResult");
        top.ok_or_else(|| Failure::strange("its list of uploads cannot be read"))
    }

    /// `Missing` for an upload that is not there any more.
    fn gone_or(&self, failure: Failure) -> ContentError {
        match is_gone(&failure) {
            true => ContentError::Missing,
            false => self.client.error(failure),
        }
    }
}

fn is_gone(failure: &Failure) -> bool {
    failure.code() == "NoSuchUpload" || (failure.status() == Some(404) && failure.code() != "NoSuchBucket")
}

fn upload_of(page: &Element, upload: &Element, folder: &str) -> Option<Parts> {
    let name = name_of(page, upload.text_of("Key")?)?;
    let key = Key::parse(name.strip_prefix(folder)?)?;
    Some(Parts {
        key: key.to_string(),
        token: upload.text_of("UploadId")?.to_owned(),
    })
}

/// Where the next page begins.
fn next_mark(page: &Element) -> Option<(String, String)> {
    if page.text_of("IsTruncated").map(str::trim) != Some("true") {
        return None;
    }
    let key = page.text_of("NextKeyMarker").filter(|key| !key.is_empty())?;
    Some((
        name_of(page, key)?,
        page.text_of("NextUploadIdMarker").unwrap_or_default().to_owned(),
    ))
}

fn part_of(part: &Element) -> Option<Part> {
    Some(Part {
        number: part.text_of("PartNumber")?.trim().parse().ok()?,
        size_bytes: part.text_of("Size")?.trim().parse().ok()?,
        // Who tells no tag here does not ask for it at the end either.
        tag: part.text_of("ETag").unwrap_or_default().to_owned(),
    })
}

/// The document that names the parts of a whole.
fn completion(parts: &[Part]) -> String {
    let parts: String = parts
        .iter()
        .map(|part| {
            let (number, tag) = (part.number, escaped(&part.tag));
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
        })
        .collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
    )
}
