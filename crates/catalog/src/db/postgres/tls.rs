//! How connections to PostgreSQL are kept secret.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::OpenError;
use crate::url::Server;

/// Makes what encrypts connections to `server`. Whether it is used is the `sslmode` of its address.
///
/// The server's certificate must be signed by an authority of the web, or by the one that the address names.
pub(super) fn connector(server: &Server) -> Result<MakeRustlsConnect, OpenError> {
    let mut roots = RootCertStore::empty();
    match &server.root_certificate {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| {
                format!(
                    "cannot read the certificate {} that sslrootcert names: {error}",
                    path.display()
                )
            };
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|error| OpenError::because(named(&error), error))?;
            for certificate in certificates {
                roots
                    .add(certificate)
                    .map_err(|error| OpenError::because(named(&error), error))?;
            }
            if roots.is_empty() {
                return Err(OpenError::new(named(&"it holds no certificate")));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::because("cannot set up TLS", error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
