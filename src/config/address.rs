//! Addresses of listeners, providers and stores, and their masked forms.

use crate::secrets::MASK;
use std::net::SocketAddr;

/// The default port of Ollama.
const OLLAMA_PORT: u16 = 11434;

/// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
pub(super) fn listen(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// Returns whether the text is an http or https address with a host.
pub(super) fn is_url(text: &str) -> bool {
    let Ok(uri) = text.trim().parse::<http::Uri>() else {
        return false;
    };
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    is_web && uri.host().is_some_and(|host| !host.is_empty())
}

/// Returns whether paths can be appended to the text.
pub(super) fn is_base_url(text: &str) -> bool {
    is_url(text) && !text.contains(['?', '#', '@'])
}

/// Returns whether the text is a host as the `Host` header names it, without a port.
pub(super) fn is_host(text: &str) -> bool {
    let authority = text.parse::<http::uri::Authority>();
    authority.is_ok_and(|authority| authority.host() == text)
}

/// Returns whether the text is the origin of a web page, as browsers write it: scheme, host and port.
pub(super) fn is_origin(text: &str) -> bool {
    let site = text.split_once("://").filter(|(scheme, _)| {
        let mut letters = scheme.bytes();
        letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
            && !scheme.is_empty()
    });
    let authority = site.and_then(|(_, site)| site.parse::<http::uri::Authority>().ok());
    authority.is_some_and(|authority| !authority.as_str().contains('@'))
}

/// Returns whether the text is `sqlite:PATH`, `postgres://…`, `memory:` or `off`.
pub(super) fn is_store(text: &str) -> bool {
    let sqlite = text.strip_prefix("sqlite:");
    text == "memory:"
        || text == "off"
        || sqlite.is_some_and(|path| !path.is_empty())
        || ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
}

/// The base URL with the ending that the paths of the kind need, without a trailing slash: a
/// version for OpenAI-like kinds and Anthropic (`/v1`) and for Gemini (`/v1beta`), nothing for
/// Ollama and Vertex. A path that has a version of its own keeps it (`/v1beta/openai`, `/api/v4`).
pub(super) fn normal_base_url(kind: &str, url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    match kind {
        "ollama" => {
            let bare = url.strip_suffix("/v1").or_else(|| url.strip_suffix("/api"));
            bare.unwrap_or(url).trim_end_matches('/').to_owned()
        }
        "vertex" => url
            .strip_suffix("/v1")
            .unwrap_or(url)
            .trim_end_matches('/')
            .to_owned(),
        _ if has_version(url) => url.to_owned(),
        "gemini" => format!("{url}/v1beta"),
        _ => format!("{url}/v1"),
    }
}

/// Returns whether a segment of the path is a version: `v1`, `v1beta`, `v4`.
fn has_version(url: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let is_version = |segment: &str| {
        let number = segment.strip_prefix('v').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_alphanumeric())
    };
    path.split('/').skip(1).any(is_version)
}

/// The base URL of the Ollama that `OLLAMA_HOST` names, parsed as Ollama parses it: scheme and port
/// are optional, and the address of all interfaces becomes loopback.
pub(super) fn ollama_base_url(host: &str) -> Option<String> {
    let host = host.trim().trim_matches(['"', '\'']).trim_end_matches('/');
    let (scheme, authority) = host.split_once("://").unwrap_or(("http", host));
    let has_scheme = host.contains("://");
    let (authority, path) = match authority.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (authority, String::new()),
    };
    let (name, port) = split_port(authority);
    let name = match name {
        "" | "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        name => name,
    };
    let port = match (port, has_scheme) {
        (Some(port), _) => format!(":{port}"),
        (None, false) => format!(":{OLLAMA_PORT}"),
        (None, true) => String::new(),
    };
    let url = format!("{scheme}://{name}{port}{path}");
    is_base_url(&url).then(|| normal_base_url("ollama", &url))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_brackets = authority.rfind(']').unwrap_or(0);
    match authority[after_brackets..].rfind(':') {
        Some(at) => {
            let (name, port) = authority.split_at(after_brackets + at);
            (name, Some(&port[1..]))
        }
        None => (authority, None),
    }
}

/// The address of Vertex AI for a location.
pub(super) fn vertex_base_url(location: &str) -> String {
    match location {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        _ => format!("https://{location}-aiplatform.googleapis.com"),
    }
}

/// The address with user, password and query masked, because each may be a secret.
pub(super) fn without_password(text: &str) -> String {
    let (text, query) = match text.split_once('?') {
        Some((text, _)) => (text, format!("?{MASK}")),
        None => (text, String::new()),
    };
    let Some((scheme, rest)) = text.split_once("://") else {
        return match text.rsplit_once('@') {
            Some((_, rest)) => format!("{MASK}@{rest}{query}"),
            None => format!("{text}{query}"),
        };
    };
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}://{MASK}@{rest}{query}"),
        None => format!("{scheme}://{rest}{query}"),
    }
}

/// The address with its path masked too, because the path of a webhook is a secret.
pub(super) fn without_path(text: &str) -> String {
    let text = without_password(text);
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text.is_empty() {
            text
        } else {
            MASK.to_owned()
        };
    };
    match rest.split_once(['/', '?']) {
        Some((host, _)) => format!("{scheme}://{host}/{MASK}"),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_works_with_and_without_its_ending_and_slash() {
        let cases = [
            (
                "openai",
                "https://api.openai.com",
                "https://api.openai.com/v1",
            ),
            (
                "openai",
                "https://api.openai.com/v1/",
                "https://api.openai.com/v1",
            ),
            (
                "anthropic",
                "https://api.anthropic.com/",
                "https://api.anthropic.com/v1",
            ),
            ("gemini", "https://g.example", "https://g.example/v1beta"),
            (
                "gemini",
                "https://g.example/v1beta/",
                "https://g.example/v1beta",
            ),
            (
                "ollama",
                "http://localhost:11434/v1",
                "http://localhost:11434",
            ),
            (
                "ollama",
                "http://localhost:11434/",
                "http://localhost:11434",
            ),
            ("vertex", "https://v.example/v1", "https://v.example"),
            (
                "openai-compatible",
                "https://h/api/paas/v4",
                "https://h/api/paas/v4",
            ),
            (
                "openai-compatible",
                "https://h/v1beta/openai/",
                "https://h/v1beta/openai",
            ),
            (
                "openai-compatible",
                "https://h/openai",
                "https://h/openai/v1",
            ),
        ];

        for (kind, given, expected) in cases {
            assert_eq!(normal_base_url(kind, given), expected, "{kind} {given}");
        }
    }

    #[test]
    fn ollama_host_is_read_as_ollama_reads_it() {
        let cases = [
            ("127.0.0.1", Some("http://127.0.0.1:11434")),
            ("0.0.0.0:1234", Some("http://127.0.0.1:1234")),
            (":5000", Some("http://127.0.0.1:5000")),
            ("[::]:1", Some("http://[::1]:1")),
            ("https://ai.example/", Some("https://ai.example")),
            ("http://box:11434/v1", Some("http://box:11434")),
            ("bad host", None),
        ];

        for (given, expected) in cases {
            assert_eq!(ollama_base_url(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn a_shown_address_contains_no_secret() {
        let cases = [
            ("https://me:pw@host/v1", "https://****@host/v1"),
            (
                "postgres://me:p@w@host/db?sslkey=x",
                "postgres://****@host/db?****",
            ),
            ("https://host/v1", "https://host/v1"),
        ];

        for (given, expected) in cases {
            assert_eq!(without_password(given), expected);
        }
        assert_eq!(
            without_path("https://hooks.example/T0/secret"),
            "https://hooks.example/****"
        );
    }
}
