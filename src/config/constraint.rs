//! Constraints of single values.

use super::address;
use super::setting_error::did_you_mean;
use super::time_zone::time_zone;
use crate::domain::WeeklyTime;
use crate::domain::parse_time;
use crate::secrets::{MASK, SecretRef};
use config::ValueKind;
use std::fmt;

/// A value as it was written, not yet checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum InputValue {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
    List(Vec<InputValue>),
    /// `{ key = "…", weight = 2 }`.
    WeightedKey {
        key: String,
        weight: f64,
    },
    Table,
    /// A date or time, which no setting takes.
    Moment(String),
}

impl InputValue {
    /// The value of a variable: text, unless the constraint expects another type that the text spells.
    pub fn from_variable(text: &str, rule: &Constraint) -> Self {
        let text = text.trim();
        let parsed = match rule {
            Constraint::Number { .. } => text.parse().ok().map(Self::Number),
            Constraint::Whole { .. } => text.parse().ok().map(Self::Whole),
            Constraint::Flag => match text {
                "true" | "1" | "yes" | "on" => Some(Self::Flag(true)),
                "false" | "0" | "no" | "off" => Some(Self::Flag(false)),
                _ => None,
            },
            Constraint::Weights | Constraint::Percents => {
                let items = text.split(',').map(|item| item.trim().parse().ok());
                let items: Option<Vec<i64>> = items.collect();
                items.map(|items| Self::List(items.into_iter().map(Self::Whole).collect()))
            }
            Constraint::Words(_)
            | Constraint::Texts
            | Constraint::Keys
            | Constraint::Hosts
            | Constraint::Origins => {
                let items = text.split(',').map(str::trim);
                let items = items.filter(|item| !item.is_empty());
                Some(Self::List(
                    items.map(|item| Self::Text(item.to_owned())).collect(),
                ))
            }
            _ => None,
        };
        parsed.unwrap_or_else(|| Self::Text(text.to_owned()))
    }
}

/// As TOML would write it.
impl fmt::Display for InputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            // It may hold a key.
            Self::Table | Self::WeightedKey { .. } => f.write_str("a table"),
            Self::Moment(text) => f.write_str(text),
        }
    }
}

/// A text in quotation marks, on one line.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// The values that a setting accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Constraint {
    Text,
    /// Text with at least one visible character.
    Filled,
    /// Non-empty text that is never shown.
    Secret,
    Flag,
    Number {
        min: f64,
        max: f64,
    },
    Whole {
        min: i64,
        max: i64,
    },
    /// One of these.
    Word(&'static [&'static str]),
    /// Some of these, at least one.
    Words(&'static [&'static str]),
    /// At least one text.
    Texts,
    /// At least one key, each text or a table with its weight; never shown unless it is a reference.
    Keys,
    /// Host names without ports; none is valid.
    Hosts,
    /// Origins of web pages; none is valid.
    Origins,
    /// At least one whole number from 0 to 1000.
    Weights,
    /// Whole numbers from 1 to 1000; none is valid.
    Percents,
    /// An address and a port to listen on.
    Address,
    /// http or https, with a host and without user, query or fragment.
    BaseUrl,
    /// A base URL, or nothing.
    Webhook,
    /// The address of a store.
    Store,
    /// The name of an environment variable, never the key itself.
    VariableName,
    /// A name that is valid before the `/` of `provider/model`.
    Name,
    /// A time of day, with or without days of the week.
    WeeklyTime,
    /// The name of a time zone that this machine knows.
    TimeZone,
    /// A date or an RFC 3339 time.
    Time,
    /// 64 hexadecimal digits.
    Sha256,
}

impl Constraint {
    /// The value in the form in which it is layered, or `None` where it does not fit.
    pub fn check(&self, given: &InputValue) -> Option<ValueKind> {
        match (self, given) {
            (Self::Number { min, max }, InputValue::Number(_) | InputValue::Whole(_)) => {
                let number = match given {
                    InputValue::Whole(whole) => *whole as f64,
                    InputValue::Number(number) => *number,
                    _ => return None,
                };
                (number >= *min && number <= *max).then_some(ValueKind::Float(number))
            }
            (Self::Whole { min, max }, InputValue::Whole(whole)) => {
                (min <= whole && whole <= max).then_some(ValueKind::I64(*whole))
            }
            (Self::Flag, InputValue::Flag(flag)) => Some(ValueKind::Boolean(*flag)),
            (
                Self::Words(_) | Self::Texts | Self::Hosts | Self::Origins,
                InputValue::List(items),
            ) => self.check_list(items),
            (Self::Keys, InputValue::List(items)) => check_keys(items),
            (Self::Weights, InputValue::List(items)) => check_weights(items),
            (Self::Percents, InputValue::List(items)) => check_percents(items),
            (_, InputValue::Text(text)) => self
                .takes_text(text)
                .then(|| ValueKind::String(text.trim().to_owned())),
            _ => None,
        }
    }

    fn check_list(&self, items: &[InputValue]) -> Option<ValueKind> {
        let takes = |text: &str| match self {
            Self::Words(known) => known.contains(&text),
            Self::Hosts => address::is_host(text),
            Self::Origins => address::is_origin(text),
            _ => !text.trim().is_empty(),
        };
        let value = |item: &InputValue| match item {
            InputValue::Text(text) if takes(text) => Some(config::Value::from(text.as_str())),
            _ => None,
        };
        let values: Option<Vec<config::Value>> = items.iter().map(value).collect();
        let may_be_empty = matches!(self, Self::Hosts | Self::Origins);
        values
            .filter(|values| may_be_empty || !values.is_empty())
            .map(ValueKind::Array)
    }

    fn takes_text(&self, text: &str) -> bool {
        match self {
            Self::Text => true,
            Self::Filled | Self::Secret => !text.trim().is_empty(),
            Self::Word(known) => known.contains(&text),
            Self::Address => address::listen(text).is_some(),
            Self::BaseUrl => address::is_base_url(text),
            Self::Webhook => text.is_empty() || address::is_url(text),
            Self::Store => address::is_store(text),
            Self::VariableName => is_variable_name(text),
            Self::Name => is_name(text),
            Self::WeeklyTime => WeeklyTime::parse(text).is_some(),
            Self::TimeZone => time_zone(text).is_some(),
            Self::Time => parse_time(text).is_some(),
            Self::Sha256 => text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()),
            Self::Flag
            | Self::Number { .. }
            | Self::Whole { .. }
            | Self::Words(_)
            | Self::Texts
            | Self::Keys
            | Self::Hosts
            | Self::Origins
            | Self::Weights
            | Self::Percents => false,
        }
    }

    /// The problem of a value: what was expected, and for names the most similar one.
    pub fn problem(&self, given: &InputValue) -> String {
        let near = match (self, given) {
            (Self::Word(known), InputValue::Text(text)) => {
                did_you_mean(text, known.iter().copied())
            }
            _ => String::new(),
        };
        format!("{}{near}", self.expected())
    }

    /// The expected value, to follow the value in a message: `must be a number from 0 to 100`.
    fn expected(&self) -> String {
        match self {
            Self::Text => "must be text in quotation marks".to_owned(),
            Self::Filled | Self::Secret => {
                "must be text in quotation marks, and not empty".to_owned()
            }
            Self::Flag => "must be true or false".to_owned(),
            Self::Number { min, max } if max.is_infinite() => {
                format!("must be a number of at least {min}")
            }
            Self::Number { min, max } => format!("must be a number from {min} to {max}"),
            Self::Whole { min, max } => format!("must be a whole number from {min} to {max}"),
            Self::Word(known) => format!("must be one of {}", known.join(", ")),
            Self::Words(known) => {
                format!("must be a list of at least one of {}", known.join(", "))
            }
            Self::Texts => "must be a list of at least one text, [\"…\"]".to_owned(),
            Self::Keys => {
                "must be a list of at least one key, each \"env:NAME\" or { key = \"env:NAME\", \
                           weight = 2 } with a weight from 0.01 to 1000"
                    .to_owned()
            }
            Self::Hosts => "must be a list of host names without ports, [\"box.lan\"]".to_owned(),
            Self::Origins => "must be a list of origins, [\"https://app.example.org\"]".to_owned(),
            Self::Weights => {
                "must be a list of whole numbers from 0 to 1000, for example [90, 10]".to_owned()
            }
            Self::Percents => {
                "must be a list of whole numbers from 1 to 1000, for example [80, 100]".to_owned()
            }
            Self::Address => {
                "must be an address with a port, for example 127.0.0.1:8080".to_owned()
            }
            Self::BaseUrl => "must be an http or https address without user, query or fragment, \
                              for example https://api.openai.com/v1"
                .to_owned(),
            Self::Webhook => "must be an http or https address, or empty".to_owned(),
            Self::Store => "must be sqlite:PATH, postgres://…, memory: or off".to_owned(),
            Self::VariableName => {
                "must be the name of an environment variable, not the key itself".to_owned()
            }
            Self::Name => "must be a name of letters, digits, '-', '_' and '.'".to_owned(),
            Self::WeeklyTime => {
                "must be a time such as 08:00, Mon-Fri 08:00 or Sat,Sun 22:30".to_owned()
            }
            Self::TimeZone => {
                "must be the name of a time zone that this machine knows, for example Europe/Lisbon or \
                 UTC"
                    .to_owned()
            }
            Self::Time => "must be a date or a time with its offset, for example 2027-01-31 or \
                           2027-01-31T18:00:00Z"
                .to_owned(),
            Self::Sha256 => "must be the SHA-256 of the token: 64 hexadecimal digits".to_owned(),
        }
    }

    /// The value with keys, tokens and passwords masked.
    pub fn masked(&self, given: &InputValue) -> String {
        match (self, given) {
            (Self::Keys, InputValue::List(items)) => {
                let items: Vec<String> = items.iter().map(masked_key).collect();
                format!("[{}]", items.join(", "))
            }
            (Self::Secret | Self::Keys | Self::Sha256, _) => MASK.to_owned(),
            (Self::VariableName, InputValue::Text(text)) if !is_variable_name(text) => {
                MASK.to_owned()
            }
            (Self::Webhook, InputValue::Text(text)) => quoted(&address::without_path(text)),
            (Self::BaseUrl | Self::Store, InputValue::Text(text)) => {
                quoted(&address::without_password(text))
            }
            _ => given.to_string(),
        }
    }
}

/// Weights of keys that are accepted.
const KEY_WEIGHTS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;

fn check_keys(items: &[InputValue]) -> Option<ValueKind> {
    let key = |item: &InputValue| match item {
        InputValue::Text(text) if !text.trim().is_empty() => Some(config::Value::from(text.trim())),
        InputValue::WeightedKey { key, weight }
            if !key.trim().is_empty() && KEY_WEIGHTS.contains(weight) =>
        {
            let pair = [
                ("key".to_owned(), config::Value::from(key.trim())),
                ("weight".to_owned(), config::Value::from(*weight)),
            ];
            Some(config::Value::from(config::Map::from_iter(pair)))
        }
        _ => None,
    };
    let keys: Option<Vec<config::Value>> = items.iter().map(key).collect();
    keys.filter(|keys| !keys.is_empty()).map(ValueKind::Array)
}

/// One key of a list: a reference in full, a literal masked.
fn masked_key(item: &InputValue) -> String {
    let reference = |text: &str| {
        let masked = SecretRef::parse(text).map(|reference| reference.masked());
        quoted(masked.as_deref().unwrap_or(MASK))
    };
    match item {
        InputValue::Text(text) => reference(text),
        InputValue::WeightedKey { key, weight } => {
            format!("{{ key = {}, weight = {weight} }}", reference(key))
        }
        _ => MASK.to_owned(),
    }
}

fn check_weights(items: &[InputValue]) -> Option<ValueKind> {
    let weight = |item: &InputValue| match item {
        InputValue::Whole(weight @ 0..=1000) => Some(config::Value::from(*weight)),
        _ => None,
    };
    let weights: Option<Vec<config::Value>> = items.iter().map(weight).collect();
    weights
        .filter(|weights| !weights.is_empty())
        .map(ValueKind::Array)
}

fn check_percents(items: &[InputValue]) -> Option<ValueKind> {
    let percent = |item: &InputValue| match item {
        InputValue::Whole(percent @ 1..=1000) => Some(config::Value::from(*percent)),
        _ => None,
    };
    let percents: Option<Vec<config::Value>> = items.iter().map(percent).collect();
    percents.map(ValueKind::Array)
}

/// Upper case only, as names of such variables are written, so that a key that was pasted here is
/// recognised and masked.
fn is_variable_name(text: &str) -> bool {
    const MAX_LENGTH: usize = 64;
    let is_start = |c: char| c.is_ascii_uppercase() || c == '_';
    text.len() <= MAX_LENGTH
        && text.starts_with(is_start)
        && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(is_allowed)
}
