//! Media: types under their registered names, file names, and media in results of tools.

use super::limits::ProtocolLimits;
use crate::protocols::neutral::{
    ChatMessage, ChatRole, ContentPart, Media, MediaKind, MediaSource,
};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Names of media types that clients use, and the names that targets know.
const TYPE_NAMES: [(&str, &str); 11] = [
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/jfif", "image/jpeg"),
    ("image/x-png", "image/png"),
    ("application/x-pdf", "application/pdf"),
    ("audio/mpeg", "audio/mp3"),
    ("audio/mpeg3", "audio/mp3"),
    ("audio/x-mp3", "audio/mp3"),
    ("audio/x-wav", "audio/wav"),
    ("audio/wave", "audio/wav"),
    ("audio/vnd.wave", "audio/wav"),
];

/// Beginnings of data in base64, and the type that they show.
const SIGNATURES: [(&str, &str); 6] = [
    ("/9j/", "image/jpeg"),
    ("iVBORw0KGgo", "image/png"),
    ("R0lGODdh", "image/gif"),
    ("R0lGODlh", "image/gif"),
    ("JVBERi0", "application/pdf"),
    ("UklGR", "image/webp"),
];

/// Adapts all media of a conversation.
pub(super) fn adapt(turns: &mut Vec<ChatMessage>, limits: &ProtocolLimits) {
    for turn in turns.iter_mut() {
        each(&mut turn.parts, &mut |part| {
            let ContentPart::Media(media) = part else {
                return;
            };
            name_type(media);
            let text = text_of_document(media).filter(|_| !limits.text_documents);
            if let Some(text) = text {
                *part = ContentPart::Text(text);
            } else if limits.needs_file_name && media.name.is_none() {
                media.name = file_name(media);
            }
        });
    }
    let is_held = |turn: &ChatMessage| turn.parts.iter().any(holds_media);
    if !limits.media_in_results && turns.iter().any(is_held) {
        move_behind_results(turns);
    }
}

fn each(parts: &mut [ContentPart], change: &mut impl FnMut(&mut ContentPart)) {
    for part in parts {
        match part {
            ContentPart::ToolResult { content, .. } => each(content, change),
            part => change(part),
        }
    }
}

/// Returns the text of a document of plain text, after its name.
fn text_of_document(media: &Media) -> Option<String> {
    let MediaSource::Inline { mime, data } = &media.source else {
        return None;
    };
    let is_text = mime.starts_with("text/") || mime == "application/json";
    if media.kind != MediaKind::Document || !is_text {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()?;
    Some(match &media.name {
        Some(name) => format!("{name}\n\n{text}"),
        None => text,
    })
}

/// Corrects the media type: its name, and the one that the data show where an image says another.
fn name_type(media: &mut Media) {
    let MediaSource::Inline { mime, data } = &mut media.source else {
        return;
    };
    if let Some((_, inner)) = data
        .split_once(";base64,")
        .filter(|_| data.starts_with("data:"))
    {
        let start = data.len() - inner.len();
        data.drain(..start);
    }
    let plain = mime.split(';').next().unwrap_or_default().trim();
    let plain = plain.to_ascii_lowercase();
    let known = TYPE_NAMES.iter().find(|(name, _)| *name == plain);
    let plain = known.map_or(plain.as_str(), |(_, name)| *name);
    let is_vague = plain.is_empty() || plain.ends_with('*') || plain.ends_with("octet-stream");
    let is_image = plain.starts_with("image/") && media.kind == MediaKind::Image;
    let shown = SIGNATURES
        .iter()
        .filter(|_| is_vague || is_image)
        .find(|(beginning, _)| data.starts_with(beginning));
    let name = shown.map_or(plain, |(_, name)| *name);
    if mime != name {
        let name = name.to_owned();
        *mime = name;
    }
}

/// Makes up the name of an inline document.
fn file_name(media: &Media) -> Option<String> {
    let MediaSource::Inline { mime, .. } = &media.source else {
        return None;
    };
    let ending = match mime.as_str() {
        "application/pdf" => "pdf",
        "text/markdown" => "md",
        "text/csv" => "csv",
        "text/html" => "html",
        "application/json" => "json",
        _ => "txt",
    };
    (media.kind == MediaKind::Document).then(|| format!("document.{ending}"))
}

fn holds_media(part: &ContentPart) -> bool {
    match part {
        ContentPart::ToolResult { content, .. } => {
            let is_media = |part: &ContentPart| matches!(part, ContentPart::Media(_));
            content.iter().any(is_media)
        }
        _ => false,
    }
}

/// Moves media of results into a user message behind the last of them.
fn move_behind_results(turns: &mut Vec<ChatMessage>) {
    let mut media = Vec::new();
    let mut moved = Vec::with_capacity(turns.len() + 1);
    for mut turn in std::mem::take(turns) {
        if turn.role != ChatRole::Tool && !media.is_empty() {
            let parts = std::mem::take(&mut media);
            moved.push(ChatMessage::new(ChatRole::User, parts));
        }
        for part in &mut turn.parts {
            if let ContentPart::ToolResult { content, .. } = part {
                let is_media = |part: &mut ContentPart| matches!(part, ContentPart::Media(_));
                media.extend(content.extract_if(.., is_media));
            }
        }
        moved.push(turn);
    }
    if !media.is_empty() {
        moved.push(ChatMessage::new(ChatRole::User, media));
    }
    *turns = moved;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(mime: &str, data: &str) -> Media {
        Media {
            kind: MediaKind::Image,
            source: MediaSource::Inline {
                mime: mime.to_owned(),
                data: data.to_owned(),
            },
            name: None,
            detail: None,
        }
    }

    #[test]
    fn an_image_has_the_type_of_its_data() {
        let table = [
            ("image/jpg", "/9j/4AAQ", "image/jpeg"),
            ("image/png", "/9j/4AAQ", "image/jpeg"),
            ("IMAGE/JPG; charset=binary", "AAAA", "image/jpeg"),
            ("application/octet-stream", "iVBORw0KGgoA", "image/png"),
            ("image/*", "data:image/gif;base64,R0lGODlhAQ", "image/gif"),
            ("image/heic", "AAAA", "image/heic"),
        ];
        for (given, data, expected) in table {
            let mut media = image(given, data);
            name_type(&mut media);
            let MediaSource::Inline { mime, data } = media.source else {
                panic!("the source changed");
            };
            assert_eq!(mime, expected, "{given}");
            assert!(!data.starts_with("data:"));
        }
    }

    #[test]
    fn a_document_of_text_becomes_text_where_documents_are_no_texts() {
        let document = Media {
            kind: MediaKind::Document,
            name: Some("tide.csv".to_owned()),
            ..image("text/csv", "YSxi")
        };
        let turn = ChatMessage::new(ChatRole::User, vec![ContentPart::Media(document)]);
        let mut turns = vec![turn.clone()];
        adapt(&mut turns, &ProtocolLimits::NONE);
        let text = ContentPart::Text("tide.csv\n\na,b".to_owned());
        assert_eq!(turns[0].parts, [text]);

        let mut turns = vec![turn.clone()];
        let limits = ProtocolLimits {
            text_documents: true,
            ..ProtocolLimits::NONE
        };
        adapt(&mut turns, &limits);
        assert_eq!(turns, [turn]);
    }

    #[test]
    fn media_of_results_follow_the_last_of_them() {
        let result = |call: &str| {
            let content = vec![
                ContentPart::Text(call.to_owned()),
                ContentPart::Media(image("image/png", call)),
            ];
            let part = ContentPart::ToolResult {
                call: call.to_owned(),
                content,
                is_error: false,
            };
            ChatMessage::new(ChatRole::Tool, vec![part])
        };
        let text = ChatMessage::new(ChatRole::User, vec![ContentPart::Text("?".to_owned())]);
        let mut turns = vec![result("a"), result("b"), text.clone(), result("c")];
        adapt(&mut turns, &ProtocolLimits::NONE);

        let roles: Vec<ChatRole> = turns.iter().map(|turn| turn.role).collect();
        let (tool, user) = (ChatRole::Tool, ChatRole::User);
        assert_eq!(roles, [tool, tool, user, user, tool, user]);
        assert_eq!(turns[2].parts.len(), 2);
        assert_eq!(turns[3], text);
        assert!(!turns.iter().any(|turn| turn.parts.iter().any(holds_media)));
    }
}
