//! Normalisation of paths: clients build addresses from parts, and double a slash or leave one at the
//! end.

use axum::http::Uri;

/// The URI without doubled and trailing slashes; `None` if it has none.
pub fn normalize(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path.len() < 2 || !path.ends_with('/')) {
        return None;
    }
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut text: String = segments.flat_map(|segment| ["/", segment]).collect();
    if text.is_empty() {
        text.push('/');
    }
    if let Some(query) = uri.query() {
        text = format!("{text}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn superfluous_slashes_are_dropped() {
        let cases = [
            ("/", None),
            ("/v1/models", None),
            ("/v1/models/a?b=//c/", None),
            ("//", Some("/")),
            ("//v1/chat/completions", Some("/v1/chat/completions")),
            ("/v1//messages/", Some("/v1/messages")),
            ("/v1/models/?limit=5", Some("/v1/models?limit=5")),
        ];
        for (given, expected) in cases {
            let normalized = normalize(&given.parse().unwrap());

            let text = normalized.map(|uri| uri.to_string());
            assert_eq!(text.as_deref(), expected, "{given}");
        }
    }
}
