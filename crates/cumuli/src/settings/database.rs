//! The parts of `DATABASE_URL` in the `CUMULI_DB_*` settings.

/// The parts of a PostgreSQL address that may be given instead of `DATABASE_URL`.
pub struct Parts<'a> {
    /// Name or address of the host.
    pub host: &'a str,
    /// TCP port.
    pub port: u16,
    /// Whom to log in as.
    pub user: &'a str,
    /// The password, if it needs one.
    pub password: Option<&'a str>,
    /// Which database.
    pub database: &'a str,
}

impl Parts<'_> {
    /// The URL of which these are the parts.
    pub fn url(&self) -> String {
        let password = self
            .password
            .map(|password| format!(":{}", escaped(password)))
            .unwrap_or_default();
        // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            escaped(self.host)
        };
        format!(
            "postgresql://{}{password}@{host}:{}/{}",
            escaped(self.user),
            self.port,
            escaped(self.database)
        )
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
