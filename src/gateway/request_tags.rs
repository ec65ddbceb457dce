//! What clients say their requests are for: a header, or the user that the body names, as a hash.

use super::error::GatewayError;
use super::request_headers;
use crate::domain::{DailyTags, Tag, UnixTime, hexadecimal};
use crate::protocols::RawObject;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderMap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a hash in a tag.
const HASH_BYTES: usize = 8;

/// The tags of the present day; cheap to clone. Only requests with a tag lock it.
#[derive(Debug, Clone, Default)]
pub struct RequestTags(Arc<Mutex<DailyTags>>);

impl RequestTags {
    /// Returns the tag that a request counts under.
    pub(super) fn admit(&self, tag: Tag, now: UnixTime) -> Tag {
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tags.admit(tag, now)
    }
}

/// The tag of a request: `x-aibal-tag`, else a hash of its `user` or `metadata`. These may name a
/// person, so that only their hash is kept.
pub(super) fn stated_tag(
    headers: &HeaderMap,
    object: &RawObject<'_>,
) -> Result<Option<Tag>, GatewayError> {
    let tag = request_headers::tag(headers)?;
    Ok(tag
        .or_else(|| user_tag(object))
        .or_else(|| metadata_tag(object)))
}

fn user_tag(object: &RawObject<'_>) -> Option<Tag> {
    let user = object.read::<String>("user")?;
    (!user.is_empty()).then(|| hashed("user", [user.as_bytes()]))?
}

/// Anthropic's `metadata` names the user; with OpenAI's, the same members give the same tag.
fn metadata_tag(object: &RawObject<'_>) -> Option<Tag> {
    let metadata = object.read::<BTreeMap<String, &RawValue>>("metadata")?;
    let user = metadata.get("user_id");
    let user = user.and_then(|user| serde_json::from_str::<String>(user.get()).ok());
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        return hashed("user", [user.as_bytes()]);
    }
    if metadata.is_empty() {
        return None;
    }
    let parts = metadata
        .iter()
        .flat_map(|(name, value)| [name.as_bytes(), value.get().as_bytes()]);
    hashed("metadata", parts)
}

fn hashed<'p>(kind: &str, parts: impl IntoIterator<Item = &'p [u8]>) -> Option<Tag> {
    let mut all = Vec::new();
    for part in parts {
        // The lengths make the sequence of parts unambiguous.
        all.extend_from_slice(&(part.len() as u64).to_be_bytes());
        all.extend_from_slice(part);
    }
    let mut digits = hexadecimal(digest(&SHA256, &all).as_ref());
    digits.truncate(2 * HASH_BYTES);
    Tag::parse(&format!("{kind}-{digits}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(header: Option<&'static str>, body: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-aibal-tag", header.parse().unwrap());
        }
        let object: RawObject<'_> = serde_json::from_str(body).unwrap();
        let tag = stated_tag(&headers, &object).unwrap();
        tag.map(|tag| tag.as_str().to_owned())
    }

    #[test]
    fn a_tag_is_the_header_or_a_hash_of_the_user() {
        let user = r#"{"user":"ann@example.com","metadata":{"a":"1"}}"#;
        assert_eq!(tag(Some("nightly"), user).as_deref(), Some("nightly"));
        let hashed = tag(None, user).unwrap();
        assert!(
            hashed.starts_with("user-") && !hashed.contains("ann"),
            "{hashed}"
        );
        let anthropic = r#"{"metadata":{"user_id":"ann@example.com"}}"#;
        assert_eq!(tag(None, anthropic), Some(hashed));
        let metadata = tag(None, r#"{"metadata":{"a":"1","b":"2"}}"#).unwrap();
        assert!(metadata.starts_with("metadata-"), "{metadata}");
        assert_eq!(
            tag(None, r#"{"metadata":{"b":"2","a":"1"}}"#),
            Some(metadata)
        );
        for none in [
            "{}",
            r#"{"user":"","metadata":{}}"#,
            r#"{"user":7,"metadata":"x"}"#,
        ] {
            assert_eq!(tag(None, none), None, "{none}");
        }
    }

    #[test]
    fn a_tag_that_is_too_long_is_an_error_that_names_its_header() {
        let mut headers = HeaderMap::new();
        headers.insert("x-aibal-tag", "x".repeat(65).parse().unwrap());

        let error = stated_tag(&headers, &RawObject::default()).unwrap_err();

        let text = error.to_string();
        assert!(
            text.contains("x-aibal-tag") && text.contains("64"),
            "{text}"
        );
    }
}
