//! Compares two JSON values by the manifest's rules.

use serde_json::Value;

/// Fields that may have any value; the last one holds a provider's signatures.
const FREE: [&str; 8] = [
    "id",
    "created",
    "created_at",
    "system_fingerprint",
    "service_tier",
    "item_id",
    "request_id",
    "extra_content",
];
/// Prefix of ids that stand for any unique id.
const PLACEHOLDER: &str = "call_FIXTURE_";

/// Lists the differences. With `extras`, `found` may have additional fields, which are a provider's
/// extensions.
pub fn differences(expected: &Value, found: &Value, extras: bool) -> Vec<String> {
    let mut differences = Vec::new();
    compare(expected, found, "", extras, &mut differences);
    differences
}

fn compare(expected: &Value, found: &Value, path: &str, extras: bool, out: &mut Vec<String>) {
    let name = path.rsplit('.').next().unwrap_or_default();
    let is_call_id = name == "id" && path.contains("tool_calls");
    match (expected, found) {
        (Value::String(id), Value::String(other))
            if id.starts_with(PLACEHOLDER) && !other.is_empty() => {}
        _ if FREE.contains(&name) && !is_call_id => {}
        (Value::Object(left), Value::Object(right)) => {
            for (name, value) in left {
                let other = right.get(name).unwrap_or(&Value::Null);
                compare(value, other, &format!("{path}.{name}"), extras, out);
            }
            for (name, value) in right {
                let free = extras || FREE.contains(&name.as_str());
                if !free && !left.contains_key(name) && !value.is_null() {
                    out.push(format!("{path}.{name} is unexpected: {value}"));
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (value, other)) in left.iter().zip(right).enumerate() {
                compare(value, other, &format!("{path}[{index}]"), extras, out);
            }
        }
        (Value::String(left), Value::String(right)) if name == "arguments" => {
            let read = |text: &str| serde_json::from_str::<Value>(text).ok();
            if read(left) != read(right) {
                out.push(format!("{path}: {left} but {right}"));
            }
        }
        (Value::String(left), Value::String(right)) if name == "message" => {
            let core = left
                .split_once(": ")
                .map_or(left.as_str(), |(_, core)| core);
            if !right.contains(core) {
                out.push(format!("{path}: {left} but {right}"));
            }
        }
        (Value::Number(left), Value::Number(right)) => {
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
            if !near(left.as_f64().unwrap(), right.as_f64().unwrap()) {
                out.push(format!("{path}: {left} but {right}"));
            }
        }
        (left, right) if left == right => {}
        (left, right) => out.push(format!("{path}: {left} but {right}")),
    }
}
