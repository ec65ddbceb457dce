//! Trusted certificates: the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and those
//! that a provider's settings add.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// TLS settings of all providers. Reading the system's certificates takes milliseconds, so it is
/// done once.
#[derive(Debug, Default)]
pub(super) struct Roots {
    system: Option<Arc<ClientConfig>>,
}

impl Roots {
    /// Returns settings that trust the system's certificates and these.
    pub fn trusting(&mut self, extra: &Arc<[CertificateDer<'static>]>) -> Arc<ClientConfig> {
        if !extra.is_empty() {
            return Arc::new(client_config(extra));
        }
        let system = self
            .system
            .get_or_insert_with(|| Arc::new(client_config(extra)));
        Arc::clone(system)
    }
}

fn client_config(extra: &[CertificateDer<'static>]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("the provider has ciphers for the default versions");
    let verifier = Verifier::new_with_extra_roots(extra.iter().cloned(), provider);
    let mut config = match verifier {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
        Err(error) => {
            // Providers without TLS still work.
            tracing::warn!(
                "no https provider can be verified, for no certificates are trusted: {error}; \
                 install ca-certificates, or name a file in SSL_CERT_FILE or ca_file"
            );
            builder
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Reads the certificates of a PEM file; at least one.
pub fn certificates(path: &Path) -> io::Result<Arc<[CertificateDer<'static>]>> {
    let io_error = |error: rustls::pki_types::pem::Error| match error {
        rustls::pki_types::pem::Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(io_error)?;
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(io_error)?;
    if certificates.is_empty() {
        let text = "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)";
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(certificates.into())
}
