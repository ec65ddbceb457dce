//! Lines of a stream that its framing does not know: JSON without a field's name, an error in a field
//! of its own, events where lines of JSON were expected. They become events in the stream's framing, so
//! that every protocol reads them.

use super::framing::Framing;
use super::stream_event::{Event, lines};
use bytes::Bytes;
use memchr::memchr2_iter;
use serde_json::Value;
use std::collections::VecDeque;

/// Reads one event; what it holds in the stream's framing goes to `events`, in its order.
pub(super) fn push(event: Event, framing: Framing, events: &mut VecDeque<Event>) {
    match framing {
        Framing::Events if is_regular(&event.raw) => events.push_back(event),
        Framing::Events => events_of(&event, events),
        Framing::Lines => events.extend(line_of(event)),
    }
}

/// Checks whether an event has only lines of its framing. Nearly all have.
fn is_regular(raw: &[u8]) -> bool {
    let starts = memchr2_iter(b'\n', b'\r', raw).map(|end| end + 1);
    !is_stray(raw)
        && !starts.into_iter().any(|start| is_stray(&raw[start..]))
        && !is_error_event(raw)
}

/// Checks whether a line starts with JSON or with an error instead of a field.
fn is_stray(line: &[u8]) -> bool {
    match line.first() {
        Some(b'{' | b'[') => true,
        Some(b'e') => line.starts_with(b"error:"),
        _ => false,
    }
}

fn is_error_event(raw: &[u8]) -> bool {
    raw.starts_with(b"event: error") || raw.starts_with(b"event:error")
}

fn events_of(event: &Event, events: &mut VecDeque<Event>) {
    let Some(start) = stray_start(&event.raw) else {
        return events.push_back(named_error(event));
    };
    let regular = event.raw.slice(..start);
    if !regular.iter().all(u8::is_ascii_whitespace) {
        events.push_back(Event { raw: regular });
    }
    // JSON may go on for several lines, so everything up to the end of the event belongs to it.
    let stray = event.raw.slice(start..);
    let is_ended = event.has_blank_line();
    let json = match stray.strip_prefix(b"error:") {
        Some(error) => error_json(error),
        None => stray.to_vec(),
    };
    events.push_back(data_event(&json, is_ended));
}

/// Finds the first line without a field.
fn stray_start(raw: &[u8]) -> Option<usize> {
    let first = is_stray(raw).then_some(0);
    first.or_else(|| {
        let starts = memchr2_iter(b'\n', b'\r', raw).map(|end| end + 1);
        starts.into_iter().find(|start| is_stray(&raw[*start..]))
    })
}

/// Gives an error event whose data is no object with an error the usual shape. An object with a type is
/// an event of its protocol and stays.
fn named_error(event: &Event) -> Event {
    let Some(data) = event.data() else {
        return event.clone();
    };
    match serde_json::from_slice::<Value>(&data) {
        Ok(Value::Object(members))
            if members.contains_key("error") || members.contains_key("type") =>
        {
            event.clone()
        }
        _ => data_event(&error_json(&data), event.has_blank_line()),
    }
}

/// Wraps the content of an error: JSON, or words.
fn error_json(content: &[u8]) -> Vec<u8> {
    let error = match serde_json::from_slice::<Value>(content) {
        Ok(Value::Object(members)) if members.contains_key("error") => {
            return Value::Object(members).to_string().into_bytes();
        }
        Ok(value) => value,
        Err(_) => String::from_utf8_lossy(content).trim().into(),
    };
    serde_json::json!({"error": error}).to_string().into_bytes()
}

/// Makes an event of JSON. Line ends within it mean nothing there.
fn data_event(json: &[u8], is_ended: bool) -> Event {
    let mut raw = b"data: ".to_vec();
    let line = json.trim_ascii().iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    });
    raw.extend(line);
    raw.extend_from_slice(if is_ended { b"\n\n" } else { b"\n" });
    Event {
        raw: Bytes::from(raw),
    }
}

/// Reads a line where lines of JSON are expected; `None` where an event's line holds none.
fn line_of(event: Event) -> Option<Event> {
    let line = event.line();
    if line.starts_with(b"{") {
        return Some(event);
    }
    if let Some(error) = line.strip_prefix(b"error:") {
        let mut raw = error_json(error);
        raw.push(b'\n');
        return Some(Event { raw: raw.into() });
    }
    let fields: [&[u8]; 4] = [b":", b"event:", b"id:", b"retry:"];
    if fields.iter().any(|field| line.starts_with(field)) {
        return None;
    }
    if let Some(data) = line.strip_prefix(b"data:") {
        let data = data.trim_ascii();
        let raw = [data, b"\n"].concat();
        let has_json = !data.is_empty() && data != b"[DONE]";
        return has_json.then(|| Event { raw: raw.into() });
    }
    Some(event)
}

/// Checks whether a body is a stream of events or of lines instead of one JSON text.
pub(super) fn is_stream(body: &[u8]) -> bool {
    let body = body
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(body)
        .trim_ascii();
    if !body.starts_with(b"{") {
        let fields: [&[u8]; 6] = [b"data:", b"event:", b":", b"id:", b"retry:", b"error:"];
        return fields.iter().any(|field| body.starts_with(field));
    }
    // Several objects, each on its line.
    let first = lines(body).next().unwrap_or_default();
    first.len() < body.len() && serde_json::from_slice::<serde::de::IgnoredAny>(first).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &'static str, framing: Framing) -> Vec<String> {
        let mut events = VecDeque::new();
        let raw = Bytes::from_static(raw.as_bytes());
        push(Event { raw }, framing, &mut events);
        let text = |event: &Event| String::from_utf8(event.raw.to_vec()).unwrap();
        events.iter().map(text).collect()
    }

    #[test]
    fn stray_lines_become_events() {
        for (raw, expected) in [
            ("data: {}\n\n", vec!["data: {}\n\n"]),
            (
                "event: error\ndata: {\"type\":\"error\"}\n\n",
                vec!["event: error\ndata: {\"type\":\"error\"}\n\n"],
            ),
            (": wait\n\n", vec![": wait\n\n"]),
            (
                "error: {\"code\":400}\n\n",
                vec!["data: {\"error\":{\"code\":400}}\n\n"],
            ),
            (
                "error: {\"error\":\"a\"}\n\n",
                vec!["data: {\"error\":\"a\"}\n\n"],
            ),
            (
                "error: too long\n\n",
                vec!["data: {\"error\":\"too long\"}\n\n"],
            ),
            (
                "event: error\ndata: too long\n\n",
                vec!["data: {\"error\":\"too long\"}\n\n"],
            ),
            (
                "event: error\ndata: {\"code\":1}\n\n",
                vec!["data: {\"error\":{\"code\":1}}\n\n"],
            ),
            ("{\"a\":\n1}\n\n", vec!["data: {\"a\": 1}\n\n"]),
            (
                "data: {}\n[{\"error\":1}]\n",
                vec!["data: {}\n", "data: [{\"error\":1}]\n"],
            ),
        ] {
            assert_eq!(read(raw, Framing::Events), expected, "{raw}");
        }
    }

    #[test]
    fn events_where_lines_belong_become_lines() {
        for (raw, expected) in [
            ("{\"a\":1}\n", vec!["{\"a\":1}\n"]),
            ("data: {\"a\":1}\n", vec!["{\"a\":1}\n"]),
            ("data: [DONE]\n", vec![]),
            (": wait\n", vec![]),
            ("event: message\n", vec![]),
            (
                "error: {\"code\":400}\n",
                vec!["{\"error\":{\"code\":400}}\n"],
            ),
            ("<html>\n", vec!["<html>\n"]),
        ] {
            assert_eq!(read(raw, Framing::Lines), expected, "{raw}");
        }
    }

    #[test]
    fn a_stream_is_known_by_its_beginning() {
        for (body, expected) in [
            ("data: {}\n\n", true),
            ("\n: wait\n\ndata: {}\n\n", true),
            ("{\"a\":1}\n{\"a\":2}\n", true),
            ("{\"a\":1}\n", false),
            ("{\n\"a\":1}\n", false),
            ("[{\"a\":1},\n{\"a\":2}]", false),
            ("<html>", false),
            ("", false),
        ] {
            assert_eq!(is_stream(body.as_bytes()), expected, "{body}");
        }
    }
}
