//! Embeddings as Gemini's clients ask for them, in terms of OpenAI's requests and responses.

use super::field_names::{object, reader};
use crate::protocols::neutral::{ObjectReader, TranslationError};
use crate::protocols::openai::take_vectors;
use serde_json::{Value, json};

/// Reads a request for one content.
pub(in crate::protocols) fn read_one(body: Value) -> Result<Value, TranslationError> {
    let one = one(reader(body, "")?)?;
    let mut request = json!({"input": [one.text]});
    one.settings.add_to(&mut request);
    Ok(request)
}

/// Reads a request for several contents. The settings of the first one are those of all.
pub(in crate::protocols) fn read_batch(body: Value) -> Result<Value, TranslationError> {
    let mut members = reader(body, "")?;
    let mut texts = Vec::new();
    let mut settings = None;
    for (index, value) in members.list("requests")?.into_iter().enumerate() {
        let one = one(reader(value, format!("requests[{index}]"))?)?;
        texts.push(one.text);
        settings.get_or_insert(one.settings);
    }
    if texts.is_empty() {
        let problem = "is missing; it must be a list of requests";
        return Err(TranslationError::new("requests", problem));
    }
    let mut request = json!({"input": texts});
    settings.unwrap_or_default().add_to(&mut request);
    Ok(request)
}

struct ContentRequest {
    text: String,
    settings: EmbedSettings,
}

#[derive(Default)]
struct EmbedSettings {
    dimensions: Option<u64>,
    task: Option<String>,
    title: Option<String>,
}

impl EmbedSettings {
    fn add_to(self, request: &mut Value) {
        if let Some(dimensions) = self.dimensions {
            request["dimensions"] = dimensions.into();
        }
        if let Some(task) = self.task {
            request["task_type"] = task.into();
        }
        if let Some(title) = self.title {
            request["title"] = title.into();
        }
    }

    fn read(&mut self, members: &mut ObjectReader) -> Result<(), TranslationError> {
        self.dimensions = members.count("outputDimensionality")?.or(self.dimensions);
        self.task = members.text("taskType")?.or(self.task.take());
        self.title = members.text("title")?.or(self.title.take());
        Ok(())
    }
}

fn one(mut members: ObjectReader) -> Result<ContentRequest, TranslationError> {
    let mut settings = EmbedSettings::default();
    settings.read(&mut members)?;
    if let Some(mut config) = object(&mut members, "embedContentConfig")? {
        settings.read(&mut config)?;
    }
    let path = members.at("content");
    let text = match members.take("content") {
        Some(Value::String(text)) => text,
        Some(value) => {
            let mut content = reader(value, path.as_str())?;
            let mut text = String::new();
            for (index, part) in content.list("parts")?.into_iter().enumerate() {
                let mut part = reader(part, content.at(&format!("parts[{index}]")))?;
                text.push_str(&part.required_text("text")?);
            }
            text
        }
        None => {
            return Err(TranslationError::new(
                path,
                "is missing; it must be a content",
            ));
        }
    };
    Ok(ContentRequest { text, settings })
}

/// Encodes the response to a request for one content.
pub(in crate::protocols) fn write_one(mut response: Value) -> Value {
    let vector = take_vectors(&mut response).into_iter().next();
    with_usage(json!({"embedding": {"values": vector}}), &response)
}

/// Encodes the response to a request for several contents.
pub(in crate::protocols) fn write_batch(mut response: Value) -> Value {
    let vectors: Value = take_vectors(&mut response)
        .into_iter()
        .map(|vector| json!({"values": vector}))
        .collect();
    with_usage(json!({"embeddings": vectors}), &response)
}

fn with_usage(mut answer: Value, response: &Value) -> Value {
    let tokens = &response["usage"]["prompt_tokens"];
    if tokens.is_u64() {
        answer["usageMetadata"] = json!({"promptTokenCount": tokens, "totalTokenCount": tokens});
    }
    answer
}
