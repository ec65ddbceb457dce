//! Reads the history of a conversation in a client's request.

use super::field_names::{object, reader};
use super::signature::{self, ClientSignature, standard_base64};
use crate::protocols::neutral::{
    CallIds, ChatMessage, ChatRole, ContentPart, DroppedFields, Media, MediaKind, MediaSource,
    ObjectReader, ToolCall, ToolForm, TranslationError,
};
use serde_json::Value;

/// Reads contents into turns. Most clients of this protocol send calls and results without ids, so
/// ids are made, and results are matched to calls by name and order.
#[derive(Debug, Default)]
pub(super) struct ContentReader {
    turns: Vec<ChatMessage>,
    ids: CallIds,
}

impl ContentReader {
    pub fn finish(self) -> Vec<ChatMessage> {
        self.turns
    }

    /// Reads instructions: a content, a text or a list of parts.
    pub fn instructions(
        &mut self,
        value: Value,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        let path = "systemInstruction";
        for (index, part) in parts_of(value, path)?.into_iter().enumerate() {
            let mut members = reader(part, format!("{path}.parts[{index}]"))?;
            match members.text("text")? {
                Some(text) => self.push(ChatRole::System, ContentPart::Text(text)),
                None => dropped.add(members.at("text")),
            }
        }
        Ok(())
    }

    /// Reads the contents: a list, one content, or a text.
    pub fn contents(
        &mut self,
        value: Value,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        match value {
            Value::Array(contents) => {
                for (index, content) in contents.into_iter().enumerate() {
                    self.content(content, &format!("contents[{index}]"), dropped)?;
                }
                Ok(())
            }
            content => self.content(content, "contents", dropped),
        }
    }

    fn content(
        &mut self,
        value: Value,
        path: &str,
        dropped: &mut DroppedFields,
    ) -> Result<(), TranslationError> {
        let role = value.get("role").and_then(Value::as_str).unwrap_or("user");
        let role = match role {
            "user" | "function" | "tool" | "" => ChatRole::User,
            "model" | "assistant" => ChatRole::Assistant,
            "system" => ChatRole::System,
            other => {
                let problem = format!("is {other:?}, but must be user or model");
                return Err(TranslationError::new(format!("{path}.role"), problem));
            }
        };
        let (mut results, mut parts) = (Vec::new(), Vec::new());
        for (index, part) in parts_of(value, path)?.into_iter().enumerate() {
            let members = reader(part, format!("{path}.parts[{index}]"))?;
            for part in self.part(members, dropped)? {
                match part {
                    // Results answer the calls before them, so nothing may stand between the two.
                    ContentPart::ToolResult { .. } => results.push(part),
                    _ => parts.push(part),
                }
            }
        }
        for result in results {
            self.push(ChatRole::Tool, result);
        }
        for part in parts {
            self.push(role, part);
        }
        Ok(())
    }

    /// Adds a part to the last turn of that role, or to a new one.
    fn push(&mut self, role: ChatRole, part: ContentPart) {
        let Some(last) = self.turns.last_mut().filter(|last| last.role == role) else {
            self.turns.push(ChatMessage::new(role, vec![part]));
            return;
        };
        // Reasoning arrives in pieces, and its signature after it.
        if let (
            Some(ContentPart::Reasoning { text, signature }),
            ContentPart::Reasoning {
                text: more,
                signature: sign,
            },
        ) = (last.parts.last_mut(), &part)
            && signature.is_none()
        {
            text.push_str(more);
            signature.clone_from(sign);
            return;
        }
        last.parts.push(part);
    }

    fn part(
        &mut self,
        mut members: ObjectReader,
        dropped: &mut DroppedFields,
    ) -> Result<Vec<ContentPart>, TranslationError> {
        let signature = members.text("thoughtSignature")?.map(signature::read);
        let is_thought = members.flag("thought")? == Some(true);
        for name in ["partMetadata", "videoMetadata", "mediaResolution"] {
            members.take(name);
        }
        let mut parts = Vec::new();
        if let Some(text) = members.text("text")? {
            parts.extend(text_part(text, is_thought, signature.clone()));
        }
        if let Some(mut call) = object(&mut members, "functionCall")? {
            parts.push(self.call(&mut call, signature)?);
        }
        if let Some(result) = object(&mut members, "functionResponse")? {
            parts.push(self.result(result, dropped)?);
        }
        if let Some(mut data) = object(&mut members, "inlineData")? {
            parts.push(ContentPart::Media(inline(&mut data)?));
        }
        if let Some(mut file) = object(&mut members, "fileData")? {
            parts.push(ContentPart::Media(linked(&mut file)?));
        }
        // What a provider's own tools did stays readable.
        if let Some(mut code) = object(&mut members, "executableCode")? {
            let text = code.text("code")?.unwrap_or_default();
            parts.push(ContentPart::Text(format!("```\n{text}\n```")));
        }
        if let Some(mut result) = object(&mut members, "codeExecutionResult")? {
            let text = result.text("output")?.unwrap_or_default();
            parts.push(ContentPart::Text(format!("```\n{text}\n```")));
        }
        members.drop_unread(dropped);
        Ok(parts)
    }

    fn call(
        &mut self,
        members: &mut ObjectReader,
        signature: Option<ClientSignature>,
    ) -> Result<ContentPart, TranslationError> {
        let name = members.required_text("name")?;
        let id = self.ids.call(members.text("id")?, &name);
        let arguments = members
            .take("args")
            .unwrap_or_else(|| Value::Object(<_>::default()));
        Ok(ContentPart::ToolCall(ToolCall {
            id,
            name,
            namespace: None,
            form: ToolForm::Function,
            arguments: arguments.to_string(),
            signature: signature.and_then(|signature| match signature {
                ClientSignature::Gemini(text) => Some(text),
                _ => None,
            }),
        }))
    }

    fn result(
        &mut self,
        mut members: ObjectReader,
        dropped: &mut DroppedFields,
    ) -> Result<ContentPart, TranslationError> {
        let name = members.required_text("name")?;
        let call = self.ids.result(members.text("id")?, Some(&name));
        let (text, is_error) = output(members.take("response").unwrap_or_default());
        let mut content = vec![ContentPart::Text(text)];
        for (index, value) in members.list("parts")?.into_iter().enumerate() {
            let mut part = reader(value, members.at(&format!("parts[{index}]")))?;
            if let Some(mut data) = object(&mut part, "inlineData")? {
                content.push(ContentPart::Media(inline(&mut data)?));
            }
            if let Some(mut file) = object(&mut part, "fileData")? {
                content.push(ContentPart::Media(linked(&mut file)?));
            }
            part.drop_unread(dropped);
        }
        for name in ["willContinue", "scheduling"] {
            members.take(name);
        }
        members.drop_unread(dropped);
        Ok(ContentPart::ToolResult {
            call,
            content,
            is_error,
        })
    }
}

/// Returns the parts of a content: also one part without a list, and a text.
fn parts_of(value: Value, path: &str) -> Result<Vec<Value>, TranslationError> {
    let text_part = |text: String| vec![serde_json::json!({"text": text})];
    match value {
        Value::String(text) => Ok(text_part(text)),
        Value::Array(parts) => Ok(parts),
        Value::Object(mut fields) => match fields.remove("parts") {
            Some(Value::Array(parts)) => Ok(parts),
            Some(part @ Value::Object(_)) => Ok(vec![part]),
            Some(Value::String(text)) => Ok(text_part(text)),
            None | Some(Value::Null) if fields.keys().all(|name| name == "role") => Ok(Vec::new()),
            None | Some(Value::Null) => Ok(vec![Value::Object(fields)]),
            Some(_) => Err(TranslationError::new(
                format!("{path}.parts"),
                "must be a list of parts",
            )),
        },
        _ => Err(TranslationError::new(path, "must be an object with parts")),
    }
}

fn text_part(
    text: String,
    is_thought: bool,
    signature: Option<ClientSignature>,
) -> Option<ContentPart> {
    let signature = match signature {
        Some(ClientSignature::Redacted(data)) => return Some(ContentPart::Redacted(data)),
        Some(ClientSignature::Reasoning(signature)) => Some(signature),
        // Gemini's signature of a text means nothing to another provider.
        Some(ClientSignature::Gemini(_)) | None => None,
    };
    if is_thought {
        return Some(ContentPart::Reasoning { text, signature });
    }
    (!text.is_empty()).then_some(ContentPart::Text(text))
}

fn kind(mime: &str) -> MediaKind {
    match mime.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        _ => MediaKind::Document,
    }
}

fn inline(members: &mut ObjectReader) -> Result<Media, TranslationError> {
    let mime = members.text("mimeType")?;
    let mime = mime.unwrap_or_else(|| "application/octet-stream".to_owned());
    Ok(Media {
        kind: kind(&mime),
        source: MediaSource::Inline {
            mime,
            data: standard_base64(members.required_text("data")?),
        },
        name: members.text("displayName")?,
        detail: None,
    })
}

fn linked(members: &mut ObjectReader) -> Result<Media, TranslationError> {
    let mime = members.text("mimeType")?;
    Ok(Media {
        kind: mime.as_deref().map_or(MediaKind::Document, kind),
        source: MediaSource::from_url(members.required_text("fileUri")?),
        name: members.text("displayName")?,
        detail: None,
    })
}

/// Returns the text of a result, and whether it reports a failure. An object with nothing but the
/// conventional field holds the result in it.
fn output(response: Value) -> (String, bool) {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    match response {
        Value::Object(mut fields) if fields.len() == 1 => {
            for (name, is_error) in [("output", false), ("result", false), ("error", true)] {
                if let Some(value) = fields.remove(name) {
                    return (text(value), is_error);
                }
            }
            (Value::Object(fields).to_string(), false)
        }
        Value::Null => (String::new(), false),
        other => (text(other), false),
    }
}
