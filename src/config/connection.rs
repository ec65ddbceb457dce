//! Socket, certificates and address of a provider.

use super::file;
use super::report::Report;
use super::resolved::{ResolvedSetting, origin_of};
use super::source::Sources;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// The longest path of a socket in bytes, without the terminating zero.
const MAX_SOCKET_PATH_BYTES: usize = 107;

/// The socket to which all connections go.
pub(super) fn unix_socket(
    provider: &file::Provider,
    sources: &Sources,
    report: &mut Report<'_>,
) -> Option<PathBuf> {
    let given = provider.unix_socket.as_ref()?;
    let path = sources.cwd.join(given);
    let length = path.as_os_str().len();
    if length > MAX_SOCKET_PATH_BYTES {
        let key = format!("providers[{}].unix_socket", provider.name);
        let problem = format!(
            "is {length} bytes long from the root, but the path of a socket has at most \
             {MAX_SOCKET_PATH_BYTES}"
        );
        report.error(&key, Some(format!("{given:?}")), problem);
    }
    Some(path)
}

/// The file with certificates to trust besides the system's.
pub(super) fn ca_file(
    provider: &file::Provider,
    sources: &Sources,
    report: &mut Report<'_>,
) -> Option<PathBuf> {
    let given = provider.ca_file.as_ref()?;
    let path = sources.cwd.join(given);
    if let Err(problem) = readable(&path) {
        let key = format!("providers[{}].ca_file", provider.name);
        report.error(&key, Some(format!("{given:?}")), problem);
    }
    Some(path)
}

fn readable(path: &Path) -> Result<(), String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|error| format!("is not a PEM file: {error}"))?;
        count += 1;
    }
    let none = "contains no PEM certificate (-----BEGIN CERTIFICATE-----)";
    (count > 0).then_some(()).ok_or_else(|| none.to_owned())
}

/// The base URL of requests. Over a socket without a configured URL it is `http://localhost`, because
/// the vendor's own address does not apply there.
pub(super) fn base_url<'p>(
    provider: &'p file::Provider,
    entries: &[ResolvedSetting],
) -> Option<&'p str> {
    let key = format!("providers[{}].base_url", provider.name);
    let is_named = provider.base_url.is_some() && origin_of(entries, &key).is_set();
    if provider.unix_socket.is_some() && !is_named {
        return Some("http://localhost");
    }
    provider.base_url.as_deref()
}
