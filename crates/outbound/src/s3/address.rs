//! Where a bucket is, and what its objects are called.

use reqwest::Url;

use super::sign::query_text;
use crate::encoded;

/// The longest prefix: an object's whole name may hold 1024 bytes.
const PREFIX_CHARS: usize = 512;

/// Where a bucket is.
#[derive(Debug, Clone)]
pub struct Address {
    place: Place,
    bucket: String,
    style: Style,
}

#[derive(Debug, Clone)]
enum Place {
    /// AWS: the region is part of the host.
    Aws,
    /// Scheme and host with port.
    Fixed(String, String),
}

/// Where the bucket's name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Path,
    Host,
}

impl Address {
    /// Parses an endpoint; `None` is AWS itself.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(endpoint: Option<&str>, bucket: &str, path_style: Option<bool>) -> Result<Self, String> {
        let is_named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_named) {
            return Err("the bucket's name must be 3 to 63 letters, digits, dots and dashes".to_owned());
        }
        let place = match endpoint {
            None => Place::Aws,
            Some(endpoint) => fixed(endpoint)?,
        };
        let is_aws = match &place {
            Place::Aws => true,
            Place::Fixed(_, host) => host.contains(".amazonaws.com"),
        };
        // No certificate covers dots before the host.
        let is_path = path_style.unwrap_or(!is_aws || bucket.contains('.'));
        Ok(Self {
            place,
            bucket: bucket.to_owned(),
            style: if is_path { Style::Path } else { Style::Host },
        })
    }

    /// The host, with its port when that is not the usual one.
    pub fn host(&self, region: &str) -> String {
        let host = match &self.place {
            Place::Aws if region.starts_with("cn-") => format!("s3.{region}.amazonaws.com.cn"),
            Place::Aws => format!("s3.{region}.amazonaws.com"),
            Place::Fixed(_, host) => host.clone(),
        };
        match self.style {
            Style::Path => host,
            Style::Host => format!("{}.{host}", self.bucket),
        }
    }

    /// The path of an object, percent-encoded; without a name, that of the bucket.
    pub fn path(&self, name: &str) -> String {
        let name = encoded(name, "/");
        match self.style {
            Style::Path if name.is_empty() => format!("/{}", self.bucket),
            Style::Path => format!("/{}/{name}", self.bucket),
            Style::Host => format!("/{name}"),
        }
    }

    /// Scheme and host.
    pub fn origin(&self, region: &str) -> String {
        let scheme = match &self.place {
            Place::Aws => "https",
            Place::Fixed(scheme, _) => scheme,
        };
        format!("{scheme}://{}", self.host(region))
    }

    /// The address of an object, or of the bucket.
    pub fn url(&self, region: &str, name: &str, query: &[(&str, &str)]) -> String {
        let mut pairs: Vec<(String, String)> = query
            .iter()
            .map(|(name, value)| (encoded(name, ""), encoded(value, "")))
            .collect();
        pairs.sort();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let path = self.path(name);
        format!("{}{path}{mark}{}", self.origin(region), query_text(&pairs))
    }

    /// The region that the endpoint's host names, as Backblaze and AWS do.
    pub fn told_region(&self) -> Option<&str> {
        let Place::Fixed(_, host) = &self.place else {
            return None;
        };
        let rest = host.strip_prefix("s3.")?;
        let region = rest
            .strip_suffix(".backblazeb2.com")
            .or_else(|| rest.strip_suffix(".amazonaws.com"))?;
        (!region.is_empty() && !region.contains('.')).then_some(region)
    }
}

fn fixed(endpoint: &str) -> Result<Place, String> {
    let endpoint = endpoint.trim();
    let endpoint = match endpoint.contains("://") {
        true => endpoint.to_owned(),
        false => format!("https://{endpoint}"),
    };
    let wrong = || "the endpoint must be an address such as https://s3.example.com".to_owned();
    let url = Url::parse(&endpoint).map_err(|_| wrong())?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str().filter(|_| is_plain).ok_or_else(wrong)?;
    let host = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Ok(Place::Fixed(url.scheme().to_owned(), host))
}

/// Brings a prefix into the form that names are put after: empty, or ending with a `/`.
///
/// # Errors
/// A sentence that says what it may be.
pub fn parse_prefix(prefix: &str) -> Result<String, String> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() {
        return Ok(String::new());
    }
    let is_odd = |segment: &str| matches!(segment, "" | "." | "..");
    if prefix.len() > PREFIX_CHARS || prefix.chars().any(char::is_control) || prefix.split('/').any(is_odd) {
        return Err("the prefix must be names with `/` between them, none of them `.` or `..`".to_owned());
    }
    Ok(format!("{prefix}/"))
}
