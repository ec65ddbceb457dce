//! The person behind a call, as its client states it: a name for the record of changes, never a
//! reason to admit anything.

use crate::contract::OPERATOR_HEADER;
use http::HeaderMap;
use std::sync::Arc;

/// Longer names are cut.
const MAX_CHARACTERS: usize = 64;

/// The stated `user@host`; `None` without one. Characters that names do not have become `_`, so that
/// the text can contain no control character and imitate no other entry.
pub(super) fn stated_operator(headers: &HeaderMap) -> Option<Arc<str>> {
    let text = String::from_utf8_lossy(headers.get(OPERATOR_HEADER)?.as_bytes());
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+');
    let name: String = text
        .trim()
        .chars()
        .take(MAX_CHARACTERS)
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let (user, host) = name.split_once('@')?;
    (!user.is_empty() && !host.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn stated(value: &[u8]) -> Option<Arc<str>> {
        let mut headers = HeaderMap::new();
        headers.insert(OPERATOR_HEADER, HeaderValue::from_bytes(value).unwrap());
        stated_operator(&headers)
    }

    #[test]
    fn a_name_is_cut_and_imitates_nothing() {
        let long = format!("{}@host", "a".repeat(80));
        let cases = [
            ("alice@ops1", Some("alice@ops1")),
            (" zoë+x@ops-1.eu ", Some("zoë+x@ops-1.eu")),
            ("ops@h (token admin)", Some("ops@h__token_admin_")),
            ("a\u{202e}\"b@h", Some("a__b@h")),
            ("schedule night", None),
            ("@h", None),
            ("a@", None),
            ("", None),
            (&long, None),
        ];
        for (text, expected) in cases {
            assert_eq!(stated(text.as_bytes()).as_deref(), expected, "{text:?}");
        }
        assert_eq!(stated(b"\xff@h").as_deref(), Some("_@h"));
        assert_eq!(stated_operator(&HeaderMap::new()), None);
    }
}
