//! Connections to providers: over HTTP/2, over sockets, through proxies, and over stale pooled
//! connections.

mod compressed;
mod multiplexed;
mod proxies;
mod sockets;
mod stale;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A self-signed certificate, trusted only where it is configured.
pub struct Identity {
    certificate: CertificateDer<'static>,
    pub pem: String,
    pub acceptor: TlsAcceptor,
}

impl Identity {
    pub fn of(name: &str, protocols: &[&str]) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let chain = vec![certificate.der().clone()];
        let mut config = builder
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .unwrap();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }
}
