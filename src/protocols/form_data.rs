//! Fields of forms (`multipart/form-data`): read and replaced without a copy of the files beside them.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use std::ops::Range;

/// Returns the boundary that a media type states; `None` for other media types.
pub fn form_boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut pairs = parameters
        .split(';')
        .filter_map(|pair| pair.split_once('='));
    let boundary = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    let boundary = boundary?.1.trim().trim_matches('"');
    (!boundary.is_empty()).then(|| boundary.to_owned())
}

/// Reads a text field; `None` where it is missing or not text.
pub fn form_field<'b>(body: &'b [u8], boundary: &str, name: &str) -> Option<&'b str> {
    std::str::from_utf8(&body[content_of(body, boundary, name)?]).ok()
}

/// Replaces the content of a field.
pub fn with_form_field(body: &Bytes, boundary: &str, name: &str, value: &str) -> Bytes {
    let Some(content) = content_of(body, boundary, name) else {
        return body.clone();
    };
    let mut changed = BytesMut::with_capacity(body.len() + value.len());
    changed.extend_from_slice(&body[..content.start]);
    changed.extend_from_slice(value.as_bytes());
    changed.extend_from_slice(&body[content.end..]);
    changed.freeze()
}

/// Finds the content of the field without a file name.
fn content_of(body: &[u8], boundary: &str, name: &str) -> Option<Range<usize>> {
    let delimiter = format!("--{boundary}");
    let mut starts = memmem::find_iter(body, delimiter.as_bytes()).peekable();
    while let Some(start) = starts.next() {
        let start = start + delimiter.len();
        let part = body.get(start..*starts.peek()?)?;
        let Some(end_of_head) = memmem::find(part, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&part[..end_of_head]);
        let is_field = head.contains(&format!("name=\"{name}\""))
            || head.contains(&format!("name={name}\r"))
            || head.ends_with(&format!("name={name}"));
        if is_field && !head.contains("filename=") {
            let content = start + end_of_head + 4;
            let end = start + part.len();
            return Some(content..end.saturating_sub(2).max(content));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\r\n\u{1}\r\n--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na/whisper\r\n--x--\r\n";

    #[test]
    fn a_field_is_read_and_replaced() {
        let boundary = form_boundary("multipart/form-data; boundary=\"x\"").unwrap();
        let body = Bytes::from_static(BODY.as_bytes());
        assert_eq!(form_field(&body, &boundary, "model"), Some("a/whisper"));
        assert_eq!(form_field(&body, &boundary, "file"), None);

        let changed = with_form_field(&body, &boundary, "model", "whisper");
        assert_eq!(
            &changed[..],
            BODY.replace("a/whisper", "whisper").as_bytes()
        );
        assert_eq!(form_boundary("application/json"), None);
        for cut in 0..body.len() {
            let _ = form_field(&body[..cut], &boundary, "model");
        }
    }
}
