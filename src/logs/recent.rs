//! The latest log lines, for dashboards. They are kept as written, and read apart only when asked for.

use super::format::LogFormat;
use serde_json::{Map, Value};
use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::Level;

/// Lines that are kept.
const MAX_RECENT_LINES: usize = 500;
/// Bytes that are kept of a line as written.
const MAX_KEPT_BYTES: usize = 4_096;
/// Characters of a line's text.
const MAX_TEXT: usize = 1_000;

/// One of the latest log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentLine {
    /// Counts the lines of this process from 1.
    pub sequence: u64,
    /// RFC 3339; empty where the line has no time.
    pub at: String,
    pub level: Level,
    /// The part of the program that wrote it.
    pub target: String,
    /// The message, and its fields as `name=value`.
    pub text: String,
}

/// The latest log lines of this process; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RecentLines {
    format: LogFormat,
    ring: Arc<Mutex<Ring>>,
    /// Whether the dashboard is closed, and lines go to stderr as well.
    is_closed: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<StoredLine>,
    /// Lines that were removed; the first one kept has the sequence number after it.
    removed: u64,
}

#[derive(Debug)]
struct StoredLine {
    level: Level,
    target: String,
    /// As written, in the format of the log.
    written: String,
}

impl RecentLines {
    pub(super) fn new(format: LogFormat) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }

    /// Writes lines to stderr as well from now on: the dashboard is closed, but the process continues.
    pub fn to_stderr(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// The lines after the one with this sequence number, oldest first, and how many after it are no
    /// longer kept. A number that no line has yet is of an earlier process and counts as 0.
    pub fn after(&self, sequence: u64) -> (Vec<RecentLine>, u64) {
        let ring = self.lock();
        let newest = ring.removed + ring.lines.len() as u64;
        let sequence = if sequence > newest { 0 } else { sequence };
        let known = sequence.saturating_sub(ring.removed);
        let numbered = (ring.removed + 1..).zip(&ring.lines);
        let lines = numbered
            .skip(usize::try_from(known).unwrap_or(usize::MAX))
            .map(|(sequence, line)| line.read(sequence, self.format))
            .collect();
        (lines, ring.removed.saturating_sub(sequence))
    }

    /// Adds a line, and removes the oldest where there are too many.
    pub fn push(&self, level: Level, target: &str, written: &[u8]) {
        let written = String::from_utf8_lossy(written);
        let written = written.trim_end_matches('\n');
        let written = &written[..written.floor_char_boundary(MAX_KEPT_BYTES)];
        let mut ring = self.lock();
        // Its memory is used again, so that a line costs no allocation.
        let oldest = if ring.lines.len() < MAX_RECENT_LINES {
            None
        } else {
            ring.removed += 1;
            ring.lines.pop_front()
        };
        let mut line = oldest.unwrap_or(StoredLine {
            level,
            target: String::new(),
            written: String::new(),
        });
        line.level = level;
        for (text, kept) in [(target, &mut line.target), (written, &mut line.written)] {
            kept.clear();
            kept.push_str(text);
        }
        ring.lines.push_back(line);
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoredLine {
    fn read(&self, sequence: u64, format: LogFormat) -> RecentLine {
        let read = match format {
            LogFormat::Text => text_line(&self.written),
            LogFormat::Json | LogFormat::Gcp => json_line(&self.written),
        };
        // A line that was cut is shown as it is.
        let (at, text) = read.unwrap_or_else(|| (String::new(), self.written.clone()));
        RecentLine {
            sequence,
            at,
            level: self.level,
            target: self.target.clone(),
            text: text.chars().take(MAX_TEXT).collect(),
        }
    }
}

/// Time and text of `TIME LEVEL TEXT`.
fn text_line(written: &str) -> Option<(String, String)> {
    let (at, rest) = written.split_once(' ')?;
    at.parse::<jiff::Timestamp>().ok()?;
    let (_level, text) = rest.trim_start().split_once(' ')?;
    Some((at.to_owned(), text.to_owned()))
}

/// Time and text of a JSON object, with the text in the form of the text format.
fn json_line(written: &str) -> Option<(String, String)> {
    let mut fields: Map<String, Value> = serde_json::from_str(written).ok()?;
    let mut take = |name: &str| match fields.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let at = take("timestamp")
        .or_else(|| take("time"))
        .unwrap_or_default();
    let mut text = take("message").unwrap_or_default();
    for known in ["level", "severity", "target"] {
        take(known);
    }
    for (name, value) in &fields {
        let _writing_to_a_string_succeeds = write!(text, " {name}={value}");
    }
    Some((at, text.trim_start().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &RecentLines, after: u64) -> Vec<String> {
        let (lines, _) = lines.after(after);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_of_every_format_are_read_apart() {
        let formats = [
            (
                LogFormat::Text,
                "2026-11-24T03:14:07.5Z  WARN slow provider=\"az\" ms=12\n",
            ),
            (
                LogFormat::Json,
                r#"{"timestamp":"2026-11-24T03:14:07.5Z","level":"WARN","message":"slow","provider":"az","ms":12,"target":"app"}"#,
            ),
            (
                LogFormat::Gcp,
                r#"{"severity":"WARNING","time":"2026-11-24T03:14:07.5Z","message":"slow","provider":"az","ms":12}"#,
            ),
        ];
        for (format, written) in formats {
            let lines = RecentLines::new(format);
            lines.push(Level::WARN, "app", written.as_bytes());
            let (mut read, removed) = lines.after(0);
            let line = read.pop().unwrap();
            assert_eq!((line.sequence, removed), (1, 0));
            assert_eq!((line.level, &*line.target), (Level::WARN, "app"));
            assert_eq!(line.at, "2026-11-24T03:14:07.5Z");
            let mut words: Vec<&str> = line.text.split(' ').collect();
            words.sort_unstable();
            assert_eq!(words, ["ms=12", "provider=\"az\"", "slow"], "{format:?}");
        }
    }

    #[test]
    fn the_latest_lines_are_kept_and_the_removed_ones_counted() {
        let lines = RecentLines::default();
        for number in 1..=MAX_RECENT_LINES + 3 {
            lines.push(Level::INFO, "", format!("line {number}").as_bytes());
        }
        let (kept, removed) = lines.after(0);
        assert_eq!((kept.len(), removed), (MAX_RECENT_LINES, 3));
        assert_eq!((kept[0].sequence, &*kept[0].text), (4, "line 4"));
        assert_eq!(lines.after(1).1, 2);
        assert_eq!(texts(&lines, 501), ["line 502", "line 503"]);
        assert_eq!(texts(&lines, 503), [""; 0]);
        // Of a process before this one.
        assert_eq!(texts(&lines, 9_000).len(), MAX_RECENT_LINES);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let lines = RecentLines::new(LogFormat::Json);
        lines.push(Level::INFO, "", "é".repeat(5_000).as_bytes());
        assert_eq!(texts(&lines, 0), ["é".repeat(MAX_TEXT)]);
    }
}
