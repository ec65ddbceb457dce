//! Images and documents, between this protocol and the neutral form.

use crate::protocols::neutral::{
    ContentPart, DroppedFields, Media, MediaKind, MediaSource, ObjectReader, TranslationError,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// Encodes an image or a document as a block.
pub(super) fn write(media: Media) -> Result<Value, TranslationError> {
    let name = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "document",
        MediaKind::Audio => {
            let problem = "is a recording, and this model reads texts, images and documents only";
            return Err(TranslationError::untranslatable("audio", problem));
        }
    };
    let source = match media.source {
        MediaSource::Inline { mime, data } if mime.starts_with("text/") => plain(&mime, &data),
        MediaSource::Inline { mime, data } => {
            json!({"type": "base64", "media_type": mime, "data": data})
        }
        MediaSource::Link(url) => json!({"type": "url", "url": url}),
        MediaSource::Id(_) => {
            let problem = "names a file that only its vendor has; send the file itself";
            return Err(TranslationError::untranslatable(name, problem));
        }
    };
    let mut block = json!({"type": name, "source": source});
    if let (MediaKind::Document, Some(title)) = (media.kind, media.name) {
        block["title"] = title.into();
    }
    Ok(block)
}

/// Encodes a text document as text; bytes that are not UTF-8 stay base64.
fn plain(mime: &str, data: &str) -> Value {
    let bytes = BASE64_STANDARD.decode(data).ok();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => json!({"type": "text", "media_type": "text/plain", "data": text}),
        None => json!({"type": "base64", "media_type": mime, "data": data}),
    }
}

pub(super) fn image(members: &mut ObjectReader) -> Result<ContentPart, TranslationError> {
    let mut source = required(members)?;
    let source = match source.required_text("type")?.as_str() {
        "base64" => inline(&mut source)?,
        "url" => MediaSource::from_url(source.required_text("url")?),
        "file" => MediaSource::Id(source.required_text("file_id")?),
        other => return Err(unknown(&source, other, "base64, url or file")),
    };
    Ok(ContentPart::Media(Media {
        kind: MediaKind::Image,
        source,
        name: None,
        detail: None,
    }))
}

/// Reads a document. One of text becomes text, which every provider reads; `content` reads the
/// blocks of one that is made of blocks.
pub(super) fn document(
    members: &mut ObjectReader,
    dropped: &mut DroppedFields,
    content: impl FnOnce(
        &mut ObjectReader,
        &mut DroppedFields,
    ) -> Result<Vec<ContentPart>, TranslationError>,
) -> Result<Vec<ContentPart>, TranslationError> {
    let name = members.text("title")?;
    let mut source = required(members)?;
    let source = match source.required_text("type")?.as_str() {
        "text" => {
            let mut lines: Vec<String> = name.into_iter().collect();
            lines.push(source.required_text("data")?);
            return Ok(vec![ContentPart::Text(lines.join("\n\n"))]);
        }
        "content" => return content(&mut source, dropped),
        "base64" => inline(&mut source)?,
        "url" => MediaSource::from_url(source.required_text("url")?),
        "file" => MediaSource::Id(source.required_text("file_id")?),
        other => {
            let known = "base64, text, url, content or file";
            return Err(unknown(&source, other, known));
        }
    };
    Ok(vec![ContentPart::Media(Media {
        kind: MediaKind::Document,
        source,
        name,
        detail: None,
    })])
}

fn required(members: &mut ObjectReader) -> Result<ObjectReader, TranslationError> {
    let source = members.object("source")?;
    source.ok_or_else(|| {
        TranslationError::new(members.at("source"), "is missing; it must be an object")
    })
}

fn inline(source: &mut ObjectReader) -> Result<MediaSource, TranslationError> {
    Ok(MediaSource::Inline {
        mime: source.required_text("media_type")?,
        data: source.required_text("data")?,
    })
}

fn unknown(source: &ObjectReader, given: &str, known: &str) -> TranslationError {
    TranslationError::new(
        source.at("type"),
        format!("is {given:?}, but must be {known}"),
    )
}
