//! Which conversation a request continues: the session that its client names, or the beginning of the
//! conversation, as a hash that is never logged or stored.

use super::request::ParsedRequest;
use crate::domain::SessionKey;
use crate::protocols::RawObject;
use aws_lc_rs::digest::{Context, SHA256};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Headers with the conversation of a client: our own, then those of Claude Code, of Codex now and
/// before, and of OpenCode. The threads of one Codex session are conversations of their own.
const HEADERS: [&str; 8] = [
    "x-aibal-session",
    "x-claude-code-session-id",
    "thread-id",
    "session-id",
    "session_id",
    "conversation_id",
    "x-session-affinity",
    "x-opencode-session",
];
/// Header of Claude Code with the subagent whose conversation it is.
const AGENT: &str = "x-claude-code-agent-id";
/// Fields with instructions for the model, and with the conversation.
const INSTRUCTIONS: [&str; 4] = [
    "system",
    "instructions",
    "systemInstruction",
    "system_instruction",
];
const MESSAGES: [&str; 3] = ["messages", "input", "contents"];
/// Bytes of each part that count.
const MAX_PART_BYTES: usize = 4_096;
/// Most messages up to the first one of the user.
const MAX_MESSAGES: usize = 8;

/// Identifies the conversation of a request for generation; `None` where nothing in it does.
pub(super) fn session_key(
    client: &str,
    headers: &HeaderMap,
    request: &ParsedRequest,
) -> Option<SessionKey> {
    let object = request.fields.object();
    let mut hash = Context::new(&SHA256);
    // One session may use several models, with prompts of their own.
    for part in [client, &*request.model] {
        add(&mut hash, part.as_bytes());
    }
    if let Some(session) = stated(headers, &object) {
        add(&mut hash, b"session");
        add(&mut hash, session.as_bytes());
        if let Some(agent) = headers.get(AGENT) {
            add(&mut hash, agent.as_bytes());
        }
    } else {
        add(&mut hash, b"prefix");
        add_prefix(&mut hash, &object)?;
    }
    let digest = hash.finish();
    let start = digest.as_ref().get(..16)?;
    <[u8; 16]>::try_from(start).ok().map(SessionKey::from)
}

/// The session that the client names, in a header or a field.
fn stated<'r>(headers: &'r HeaderMap, object: &RawObject<'_>) -> Option<Cow<'r, str>> {
    let mut names = HEADERS.iter();
    let header = names.find_map(|name| {
        headers
            .get(*name)?
            .to_str()
            .ok()
            .filter(|it| !it.is_empty())
    });
    header.map(Cow::Borrowed).or_else(|| {
        let key = object.read::<String>("prompt_cache_key");
        key.or_else(|| claude_session(object)).map(Cow::Owned)
    })
}

/// Claude Code names its session in the user's id too: `user_…_session_…`, or JSON with a
/// `session_id`.
fn claude_session(object: &RawObject<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: String,
    }
    let user = object.read::<Metadata>("metadata")?.user_id;
    user.contains("session").then_some(user)
}

/// Adds the instructions and the messages up to the first one of the user.
fn add_prefix(hash: &mut Context, object: &RawObject<'_>) -> Option<()> {
    for name in INSTRUCTIONS {
        if let Some(value) = object.get(name) {
            add(hash, value.get().as_bytes());
        }
    }
    let messages = MESSAGES.iter().find_map(|name| object.get(name))?;
    let first = first_messages(messages.get());
    if first.is_empty() {
        return None;
    }
    for message in first {
        add(hash, message.as_bytes());
    }
    Some(())
}

fn add(hash: &mut Context, part: &[u8]) {
    // The lengths make the sequence of parts unambiguous.
    hash.update(&(part.len() as u64).to_be_bytes());
    hash.update(part.get(..MAX_PART_BYTES).unwrap_or(part));
}

/// The messages up to the first one of the user; what follows is not read.
fn first_messages(list: &str) -> Vec<&str> {
    let mut first = FirstMessages(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(list);
    // The rest of the list is an error to the reader, which does not matter.
    let _rest = reader.deserialize_seq(&mut first);
    first.0
}

struct FirstMessages<'d>(Vec<&'d str>);

#[derive(Deserialize)]
struct Role<'d> {
    #[serde(borrow)]
    role: Option<Cow<'d, str>>,
}

impl<'d> Visitor<'d> for &mut FirstMessages<'d> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of messages")
    }

    fn visit_seq<A: SeqAccess<'d>>(self, mut list: A) -> Result<(), A::Error> {
        while self.0.len() < MAX_MESSAGES
            && let Some(message) = list.next_element::<&'d RawValue>()?
        {
            self.0.push(message.get());
            let read = serde_json::from_str::<Role<'_>>(message.get());
            if read.is_ok_and(|read| read.role.as_deref() == Some("user")) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_ends_with_the_first_message_of_the_user() {
        let system = r#"{"role":"system","content":"s"}"#;
        let user = r#"{"role":"user","content":"u"}"#;
        let first = format!("[{system},{user}]");
        let second = format!(r#"[{system},{user},{{"role":"assistant","content":"a"}},{user}]"#);
        assert_eq!(first_messages(&first), [system, user]);
        assert_eq!(first_messages(&second), [system, user]);
        assert_eq!(first_messages("\"text\""), [""; 0]);
    }

    #[test]
    fn sessions_are_read_from_headers_and_fields_of_known_clients() {
        let body = |text| serde_json::from_str::<RawObject<'_>>(text).unwrap();
        let empty = HeaderMap::new();
        for (text, session) in [
            (r#"{"prompt_cache_key":"codex-1"}"#, Some("codex-1")),
            (
                r#"{"metadata":{"user_id":"user_1_account__session_2"}}"#,
                Some("user_1_account__session_2"),
            ),
            (
                r#"{"metadata":{"user_id":"{\"device_id\":\"d\",\"session_id\":\"s\"}"}}"#,
                Some(r#"{"device_id":"d","session_id":"s"}"#),
            ),
            (r#"{"metadata":{"user_id":"ann"}}"#, None),
        ] {
            assert_eq!(stated(&empty, &body(text)).as_deref(), session);
        }
        for name in HEADERS {
            let mut headers = HeaderMap::new();
            headers.insert(name, "mine".parse().unwrap());
            assert_eq!(stated(&headers, &body("{}")).as_deref(), Some("mine"));
        }
    }
}
