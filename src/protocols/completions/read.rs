//! Reads a completions request as a conversation, for models that only chat.

use crate::protocols::neutral::{
    ChatMessage, ChatRequest, ChatRole, ContentPart, DroppedFields, ObjectReader, Sampling,
    TranslationError, fill_in,
};
use serde_json::Value;

/// Fields that are no part of the prompt.
const NON_PROMPT_FIELDS: [&str; 3] = ["model", "stream", "stream_options"];

pub(super) fn conversation(
    body: Value,
    dropped: &mut DroppedFields,
) -> Result<ChatRequest, TranslationError> {
    let mut members = ObjectReader::new(body, "")?;
    for name in NON_PROMPT_FIELDS {
        members.take(name);
    }
    let prompt = prompt(&mut members)?;
    let suffix = members.text("suffix")?.filter(|text| !text.is_empty());
    let turns = match suffix {
        Some(suffix) => fill_in(&prompt, &suffix),
        None => vec![ChatMessage::new(
            ChatRole::User,
            vec![ContentPart::Text(prompt)],
        )],
    };
    // The usual value of a field that asks for nothing is no loss.
    dropped.add_if(members.flag("echo")? == Some(true), "echo");
    let best_of = members.count("best_of")?;
    dropped.add_if(best_of.is_some_and(|best_of| best_of > 1), "best_of");
    let conversation = ChatRequest {
        turns,
        max_tokens: members.count("max_tokens")?,
        sampling: Sampling {
            temperature: members.number("temperature")?,
            top_p: members.number("top_p")?,
            top_k: members.count("top_k")?,
            stop: stop(&mut members)?,
            seed: members.integer("seed")?,
            n: members.count("n")?,
            presence_penalty: members.number("presence_penalty")?,
            frequency_penalty: members.number("frequency_penalty")?,
        },
        user: members.text("user")?,
        ..ChatRequest::default()
    };
    members.drop_unread(dropped);
    Ok(conversation)
}

/// Reads one text. Lists of several texts, and tokens, only a server of completions can take.
fn prompt(members: &mut ObjectReader) -> Result<String, TranslationError> {
    let several = "is a list, which models that only chat do not complete; send one text";
    match members.take("prompt") {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(list)) => match <[Value; 1]>::try_from(list) {
            Ok([Value::String(text)]) => Ok(text),
            _ => Err(TranslationError::untranslatable("prompt", several)),
        },
        _ => Err(TranslationError::new("prompt", "must be a text")),
    }
}

fn stop(members: &mut ObjectReader) -> Result<Vec<String>, TranslationError> {
    match members.take("stop") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(list) => serde_json::from_value(list)
            .map_err(|_| TranslationError::new("stop", "must be a text or a list of texts")),
    }
}
