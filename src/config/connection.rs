//! Socket, certificates and address of a provider.

use super::file;
use super::origin::Origin;
use super::provider_context::ProviderContext;
use super::report::Report;
use super::resolved::{ResolvedSetting, origin_of};
use super::source::Sources;
use super::text_file::read_bytes;
use crate::secrets::SecretRef;
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
    let pem = read_bytes(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        certificate.map_err(|error| format!("is not a PEM file: {error}"))?;
        count += 1;
    }
    let none = "contains no PEM certificate (-----BEGIN CERTIFICATE-----)";
    (count > 0).then_some(()).ok_or_else(|| none.to_owned())
}

/// The reason that a provider's key is not sent to it: `.env` sets its address, and the key is from
/// elsewhere. The author of a folder must not get the keys of an operator who starts the program in it.
pub(super) fn untrusted_address(
    provider: &file::Provider,
    has_key: bool,
    context: &ProviderContext<'_>,
    report: &mut Report<'_>,
) -> Option<String> {
    let at = |name: &str| format!("providers[{}].{name}", provider.name);
    let is_in_env_file = |origin: &Origin| matches!(origin, Origin::DotEnv { .. });
    let addresses = ["base_url", "unix_socket"].map(at);
    let address = addresses
        .iter()
        .find(|key| is_in_env_file(&origin_of(report.entries, key)))?;
    let reference = provider.api_key.as_deref().and_then(SecretRef::parse);
    let variable = match &reference {
        Some(SecretRef::Variable(name)) => Some(name),
        Some(_) => None,
        None => provider.api_key_env.as_ref(),
    };
    let is_own_key = match (variable, reference.as_ref()) {
        (Some(name), _) => {
            let found = context.env_vars.get(name);
            found.is_some_and(|(_, origin)| is_in_env_file(origin))
        }
        (None, Some(SecretRef::Literal(_))) => {
            is_in_env_file(&origin_of(report.entries, &at("api_key")))
        }
        _ => false,
    };
    let may_have_token = provider.kind == "vertex";
    if is_own_key || !(has_key || may_have_token) {
        return None;
    }
    if context.sources.trust_env_file {
        let message = ".env sets the address of a provider whose key is from elsewhere; the key is sent \
                       there because of --trust-env-file";
        report.warn(address, message);
        return None;
    }
    let (_, name) = address.rsplit_once('.')?;
    Some(format!(
        ".env sets {name}, but its key is from elsewhere and is not sent there; put {name} into a \
         configuration file or into the environment, or start with --trust-env-file"
    ))
}

/// Warns of a key that others can read on its way.
pub(super) fn warn_of_plain_http(
    provider: &file::Provider,
    base_url: &str,
    has_key: bool,
    report: &mut Report<'_>,
) {
    let host = base_url
        .parse::<http::Uri>()
        .ok()
        .filter(|uri| uri.scheme_str() == Some("http"))
        .and_then(|uri| uri.host().map(str::to_owned));
    let Some(host) = host.filter(|_| has_key && provider.unix_socket.is_none()) else {
        return;
    };
    let bare = host.trim_matches(['[', ']']);
    let is_local = bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback());
    if !is_local {
        let key = format!("providers[{}].base_url", provider.name);
        let message = format!("the key is sent to {host} without encryption; use https");
        report.warn(&key, message);
    }
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
