//! The content of a message in all its forms: a text, a list of parts, or an object with a text.

use crate::protocols::lenient::text_in;
use crate::protocols::neutral::{Delta, Media, MediaKind, MediaSource};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::borrow::Cow;

/// Members that hold the text of an object, in the order in which they are tried.
const TEXT_MEMBERS: [&str; 6] = [
    "text",
    "content",
    "thinking",
    "reasoning",
    "summary",
    "refusal",
];
/// Levels of objects and lists in which a text is searched.
const MAX_DEPTH: u32 = 4;

/// Returns a text that may also be an object with it, or a list of such; `None` without any.
pub(super) fn loose_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    let text = text_in(json).or_else(|| {
        let value: Value = serde_json::from_str(json).ok()?;
        text_of(&value, MAX_DEPTH).map(Cow::Owned)
    });
    text.filter(|text| !text.is_empty())
}

/// Checks whether there is any text.
pub(super) fn has_text(raw: &RawValue) -> bool {
    loose_text(raw).is_some()
}

fn text_of(value: &Value, depth: u32) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ if depth == 0 => None,
        Value::Array(parts) => {
            let texts: String = parts
                .iter()
                .filter_map(|part| text_of(part, depth - 1))
                .collect();
            Some(texts)
        }
        Value::Object(members) => {
            let mut found = TEXT_MEMBERS.iter().filter_map(|name| members.get(*name));
            found.find_map(|inner| text_of(inner, depth - 1))
        }
        Value::Null | Value::Bool(_) => None,
    }
}

/// Reads the content: a text, or a list of texts, reasoning and media.
pub(super) fn read(raw: &RawValue, emit: &mut impl FnMut(Delta)) {
    let json = raw.get();
    if let Some(text) = text_in(json) {
        return said(text.into_owned(), Delta::Text, emit);
    }
    match serde_json::from_str::<Value>(json) {
        Ok(Value::Array(parts)) => parts.iter().for_each(|part| read_part(part, emit)),
        Ok(part) => read_part(&part, emit),
        Err(_) => {}
    }
}

fn said(text: String, make: impl Fn(String) -> Delta, emit: &mut impl FnMut(Delta)) {
    if !text.is_empty() {
        emit(make(text));
    }
}

fn read_part(part: &Value, emit: &mut impl FnMut(Delta)) {
    if let Some(media) = media(part) {
        return emit(Delta::Media(media));
    }
    let make = match part["type"].as_str() {
        Some("thinking" | "reasoning") => Delta::Reasoning,
        Some("refusal") => Delta::Refusal,
        _ => Delta::Text,
    };
    said(text_of(part, MAX_DEPTH).unwrap_or_default(), make, emit);
}

/// Reads a list of images.
pub(super) fn read_images(raw: &RawValue, emit: &mut impl FnMut(Delta)) {
    let images: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let list = match &images {
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let found = list.iter().filter_map(media);
    found.for_each(|media| emit(Delta::Media(media)));
}

/// Reads an image or a recording of the model.
fn media(part: &Value) -> Option<Media> {
    let image = &part["image_url"];
    let url = image["url"].as_str().or_else(|| image.as_str());
    let data = part["b64_json"].as_str();
    let source = match (url, data) {
        (Some(url), _) => MediaSource::from_url(url.to_owned()),
        (None, Some(data)) => MediaSource::Inline {
            mime: "image/png".to_owned(),
            data: data.to_owned(),
        },
        (None, None) => return None,
    };
    Some(Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: None,
    })
}

/// Writes an image or a document as a chat message's image; `None` for a file that only its provider
/// can read.
pub(super) fn image_value(media: &Media) -> Option<Value> {
    let url = media.source.url()?;
    Some(json!({"type": "image_url", "image_url": {"url": url}}))
}

/// Reads the audio of a message: the recording, and what is said in it. Of a stream's pieces only the
/// words are read, because pieces of a recording are no recording.
pub(super) fn read_audio(raw: &RawValue, is_stream: bool, emit: &mut impl FnMut(Delta)) {
    let audio: Value = serde_json::from_str(raw.get()).unwrap_or_default();
    if let Some(words) = audio["transcript"].as_str() {
        said(words.to_owned(), Delta::Text, emit);
    }
    if let (Some(data), false) = (audio["data"].as_str(), is_stream) {
        let source = MediaSource::Inline {
            mime: format!("audio/{}", audio["format"].as_str().unwrap_or("wav")),
            data: data.to_owned(),
        };
        emit(Delta::Media(Media {
            kind: MediaKind::Audio,
            source,
            name: None,
            detail: None,
        }));
    }
}
