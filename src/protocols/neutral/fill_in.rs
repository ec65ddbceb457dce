//! The request to complete a text in its middle, as a conversation.

use super::chat_request::{ChatMessage, ChatRole, ContentPart};

/// Tells a chat model what editors ask of it.
const INSTRUCTIONS: &str = "You complete text and code. The user sends what stands before the \
    cursor and what stands after it. Answer with exactly the text to insert at the cursor: no \
    explanation, no code fence, nothing that stands before or after the cursor already.";

/// Builds the conversation for a text with a gap between `prefix` and `suffix`.
pub fn fill_in(prefix: &str, suffix: &str) -> Vec<ChatMessage> {
    let text = format!("<before>{prefix}</before>\n<after>{suffix}</after>");
    vec![
        ChatMessage::new(
            ChatRole::System,
            vec![ContentPart::Text(INSTRUCTIONS.to_owned())],
        ),
        ChatMessage::new(ChatRole::User, vec![ContentPart::Text(text)]),
    ]
}
