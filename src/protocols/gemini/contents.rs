//! The history of a conversation as Gemini's contents. Neighbouring messages of the same kind
//! become one content; results of tools form a separate content.

use super::generation::Generation;
use crate::protocols::neutral::{
    ChatMessage, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource, ToolCall,
    TranslationError, text_of,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Google's documented value for history without signatures, which is then accepted.
const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";
/// Separates a call's id from its signature, where another gateway joined the two.
const SIGNATURE_SEPARATOR: &str = "__thought__";
/// Text of the first user message, which a request must have.
const FIRST_USER_TEXT: &str = " ";

/// The contents so far.
#[derive(Debug)]
pub(super) struct Contents {
    generation: Generation,
    instructions: Vec<Value>,
    list: Vec<Content>,
    /// Function names by the ids of their calls.
    called: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Content {
    kind: Kind,
    parts: Vec<Value>,
    has_calls: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Model,
    Results,
}

impl Kind {
    fn role(self) -> &'static str {
        match self {
            Self::User | Self::Results => "user",
            Self::Model => "model",
        }
    }
}

impl Contents {
    pub fn new(generation: Generation) -> Self {
        Self {
            generation,
            instructions: Vec::new(),
            list: Vec::new(),
            called: BTreeMap::new(),
        }
    }

    pub fn add(
        &mut self,
        turn: ChatMessage,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        let kind = match turn.role {
            ChatRole::System => {
                self.add_instructions(turn, dropped);
                return Ok(());
            }
            ChatRole::User | ChatRole::Tool => Kind::User,
            ChatRole::Assistant => Kind::Model,
        };
        for part in turn.parts {
            match part {
                ContentPart::Text(text) | ContentPart::Refusal(text) if text.is_empty() => {}
                ContentPart::Text(text) | ContentPart::Refusal(text) => {
                    self.push(kind, json!({"text": text}));
                }
                ContentPart::Media(media) => self.push(kind, self::media(media)?),
                // Reasoning returns as the signatures of calls.
                ContentPart::Reasoning { .. }
                | ContentPart::Redacted(_)
                | ContentPart::CacheMark(_) => {}
                ContentPart::ToolCall(call) => self.call(call)?,
                ContentPart::ToolResult {
                    call,
                    content,
                    is_error,
                } => self.result(&call, content, is_error)?,
            }
        }
        Ok(())
    }

    fn add_instructions(&mut self, turn: ChatMessage, dropped: &mut DroppedFields) {
        for part in turn.parts {
            match part {
                ContentPart::Text(text) if text.is_empty() => {}
                ContentPart::Text(text) => self.instructions.push(json!({"text": text})),
                _ => dropped.add("instructions that are no text"),
            }
        }
    }

    fn push(&mut self, kind: Kind, part: Value) {
        match self.list.last_mut() {
            Some(last) if last.kind == kind => last.parts.push(part),
            _ => self.list.push(Content {
                kind,
                parts: vec![part],
                has_calls: false,
            }),
        }
    }

    fn call(&mut self, call: ToolCall) -> Result<(), TranslationError> {
        let step = self.list.last().filter(|last| last.kind == Kind::Model);
        let is_first = !step.is_some_and(|step| step.has_calls);
        let signature = self.signature(&call, is_first);
        let mut function = json!({"name": call.name, "args": arguments(&call.arguments)?});
        self.name(&mut function, &call.id);
        let mut part = json!({"functionCall": function});
        if let Some(signature) = signature {
            part["thoughtSignature"] = signature.into();
        }
        self.called.insert(call.id, call.name);
        self.push(Kind::Model, part);
        if let Some(last) = self.list.last_mut() {
            last.has_calls = true;
        }
        Ok(())
    }

    /// Finds the signature of a call: from the client or the cache, or in the call's id where
    /// another gateway put it.
    fn signature(&self, call: &ToolCall, is_first: bool) -> Option<String> {
        let embedded = || Some(call.id.split_once(SIGNATURE_SEPARATOR)?.1.to_owned());
        let is_required = self.generation.names_calls() && is_first;
        let placeholder = || is_required.then(|| STANDARD.encode(SKIP_SIGNATURE));
        let own = call.signature.clone();
        own.or_else(embedded).or_else(placeholder)
    }

    /// Sets the call's id, which older models do not accept.
    fn name(&self, function: &mut Value, id: &str) {
        if self.generation.names_calls() {
            function["id"] = id.split(SIGNATURE_SEPARATOR).next().unwrap_or(id).into();
        }
    }

    fn result(
        &mut self,
        call: &str,
        content: Vec<ContentPart>,
        is_error: bool,
    ) -> Result<(), TranslationError> {
        let name = self.called.get(call).map_or(call, String::as_str);
        let mut response =
            json!({"name": name, "response": tool_output(&text_of(&content), is_error)});
        self.name(&mut response, call);
        let mut images = Vec::new();
        for part in content {
            if let ContentPart::Media(media) = part {
                images.push(self::media(media)?);
            }
        }
        if !images.is_empty() {
            response["parts"] = images.into();
        }
        self.push(Kind::Results, json!({"functionResponse": response}));
        Ok(())
    }

    /// Returns the contents, and the instructions where there are any.
    pub fn finish(mut self) -> (Value, Option<Value>) {
        if self
            .list
            .first()
            .is_none_or(|first| first.kind != Kind::User)
        {
            let first = Content {
                kind: Kind::User,
                parts: vec![json!({"text": FIRST_USER_TEXT})],
                has_calls: false,
            };
            self.list.insert(0, first);
        }
        let contents = self
            .list
            .into_iter()
            .map(|content| json!({"role": content.kind.role(), "parts": content.parts}));
        let instructions =
            (!self.instructions.is_empty()).then(|| json!({"parts": self.instructions}));
        (contents.collect(), instructions)
    }
}

/// Parses arguments, which are an object here and a text in other protocols.
fn arguments(text: &str) -> Result<Value, TranslationError> {
    if text.trim().is_empty() {
        return Ok(json!({}));
    }
    let object = serde_json::from_str(text).ok().filter(Value::is_object);
    let problem = "hold a tool call whose arguments are not a JSON object";
    object.ok_or_else(|| TranslationError::untranslatable("messages", problem))
}

/// Encodes a tool's result as the object that Gemini requires.
fn tool_output(text: &str, is_error: bool) -> Value {
    match serde_json::from_str(text) {
        _ if is_error => json!({"error": text}),
        Ok(object @ Value::Object(_)) => object,
        _ => json!({"output": text}),
    }
}

fn media(media: Media) -> Result<Value, TranslationError> {
    let kind = match media.kind {
        MediaKind::Image => "image",
        MediaKind::Document => "file",
        MediaKind::Audio => "audio",
    };
    match media.source {
        MediaSource::Inline { mime, data } => {
            Ok(json!({"inlineData": {"mimeType": mime, "data": data}}))
        }
        MediaSource::Link(uri) | MediaSource::Id(uri) if is_google_hosted(&uri) => {
            let mut file = json!({"fileUri": uri});
            if let Some(mime) = mime_of(&uri) {
                file["mimeType"] = mime.into();
            }
            Ok(json!({"fileData": file}))
        }
        MediaSource::Link(_) => {
            let problem = "is a link, which this model does not follow; send the data itself";
            Err(TranslationError::untranslatable(kind, problem))
        }
        MediaSource::Id(_) => {
            let problem = "names a file that only another provider stores; send the data itself";
            Err(TranslationError::untranslatable(kind, problem))
        }
    }
}

/// Checks whether Google stores the file: in its storage, or uploaded for its models.
fn is_google_hosted(uri: &str) -> bool {
    uri.starts_with("gs://") || uri.starts_with("https://generativelanguage.googleapis.com/")
}

/// Returns the media type of a file in Google's storage, which needs one. Uploaded files have no
/// extension and need none.
fn mime_of(uri: &str) -> Option<&'static str> {
    let (_, ending) = uri.rsplit_once('.')?;
    Some(match ending.to_ascii_lowercase().as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        "mp3" => "audio/mp3",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        _ => return None,
    })
}
