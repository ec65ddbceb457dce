//! Destination and format of log lines. While the dashboard is shown, nothing may write to the terminal,
//! so lines go to a file, or the latest ones to the dashboard's own log.
//!
//! A line stays one line without control characters, whatever it quotes.
//!
//! Logging never waits for a disk or a reader: a separate thread writes, in batches, and lines that do
//! not fit into its bounded buffer are counted.

mod file;
mod nonblocking;
mod safe_line;

pub use file::reopen;
pub use nonblocking::DroppedLines;

use file::LogFile;
use nonblocking::{NonBlockingWriter, WriterGuard};
use safe_line::SafeLine;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
    /// Google Cloud Logging's structured JSON, with `severity`.
    Gcp,
}

/// A text that names no log format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one of text, json, gcp")]
pub struct UnknownLogFormat(String);

/// Reasons for which logging cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("could not open the log file {}: {source}", path.display())]
    OpenFile { path: PathBuf, source: io::Error },
    #[error("could not start the log writer: {0}")]
    StartWriter(#[source] io::Error),
    #[error("the log level is {0:?}, but must be error, warn, info, debug, trace or a filter")]
    InvalidLevel(String),
}

impl FromStr for LogFormat {
    type Err = UnknownLogFormat;

    fn from_str(word: &str) -> Result<Self, UnknownLogFormat> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "gcp" => Ok(Self::Gcp),
            _ => Err(UnknownLogFormat(word.to_owned())),
        }
    }
}

/// Lines that are kept for the dashboard.
const MAX_RECENT_LINES: usize = 500;
/// Characters that are kept of a line.
const MAX_LINE_BYTES: usize = 1_000;

/// The latest log lines, for the dashboard; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RecentLines {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Whether the dashboard is closed, and lines go to stderr as well.
    is_closed: Arc<AtomicBool>,
}

impl RecentLines {
    /// Writes lines to stderr as well from now on: the dashboard is closed, but the process continues.
    pub fn to_stderr(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// The newest lines first: skips `newer` of them, and returns at most `max`.
    pub fn lines(&self, newer: usize, max: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().skip(newer).take(max).cloned().collect()
    }

    pub fn count(&self) -> usize {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

impl Write for RecentLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed.load(Ordering::Relaxed) {
            let _may_be_closed = io::stderr().write_all(bytes);
        }
        for line in text.lines().filter(|line| !line.is_empty()) {
            if lines.len() >= MAX_RECENT_LINES {
                lines.pop_front();
            }
            lines.push_back(line.chars().take(MAX_LINE_BYTES).collect());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Level, format and destination of log lines.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// A level or a filter; else `RUST_LOG`, else `info`.
    pub level: Option<String>,
    pub format: LogFormat,
    pub file: Option<PathBuf>,
    /// Whether the dashboard uses the terminal: without a file, the latest lines are kept for it.
    pub has_screen: bool,
}

/// Logging in progress. Pending lines are written on drop.
#[derive(Debug, Default)]
pub struct Logs {
    /// The latest lines, where the dashboard shows them.
    pub recent: RecentLines,
    /// Count of lines that were not written.
    pub lost: DroppedLines,
    _writer: Option<WriterGuard>,
}

/// Starts logging. The error names the file or the filter at fault.
pub fn start(options: &LogOptions) -> Result<Logs, LogError> {
    let filter = filter(options.level.as_deref())?;
    let (writer, logs) = match (&options.file, options.has_screen) {
        (Some(path), _) => {
            let file = LogFile::open(path).map_err(|source| LogError::OpenFile {
                path: path.clone(),
                source,
            })?;
            in_background(file)?
        }
        (None, true) => {
            let recent = RecentLines::default();
            let logs = Logs {
                recent: recent.clone(),
                ..Logs::default()
            };
            (BoxMakeWriter::new(move || SafeLine(recent.clone())), logs)
        }
        (None, false) => in_background(io::stderr())?,
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    let started = match options.format {
        LogFormat::Text => lines.fmt_fields(PlainFields).with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Gcp => lines.event_format(CloudLine).try_init(),
    };
    // A second start in one process keeps the first subscriber.
    let _already_started = started;
    Ok(logs)
}

fn in_background(out: impl Write + Send + 'static) -> Result<(BoxMakeWriter, Logs), LogError> {
    let (writer, guard) = NonBlockingWriter::open(out).map_err(LogError::StartWriter)?;
    let logs = Logs {
        lost: writer.dropped(),
        _writer: Some(guard),
        ..Logs::default()
    };
    Ok((BoxMakeWriter::new(move || SafeLine(writer.clone())), logs))
}

/// Fields as `message name=value name="text"` without colours: the default format, at a fraction of its
/// cost.
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut plain = PlainVisitor {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut plain);
        plain.result
    }
}

struct PlainVisitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for PlainVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.result.is_err() {
            return;
        }
        let separator = if std::mem::take(&mut self.is_first) {
            ""
        } else {
            " "
        };
        self.result = match field.name() {
            "message" => write!(self.writer, "{separator}{value:?}"),
            name => write!(self.writer, "{separator}{name}={value:?}"),
        };
    }
}

fn filter(level: Option<&str>) -> Result<EnvFilter, LogError> {
    if let Some(level) = level {
        return EnvFilter::try_new(level).map_err(|_| LogError::InvalidLevel(level.to_owned()));
    }
    let debug = std::env::var("DEBUG").is_ok_and(|debug| debug.contains("load-balancer"));
    let fallback = if debug {
        "info,aibal_tui=debug"
    } else {
        "info"
    };
    Ok(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback)))
}

/// A line of structured JSON for Google Cloud Logging.
struct CloudLine;

impl<S, N> FormatEvent<S, N> for CloudLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let severity = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        let mut fields = serde_json::Map::new();
        fields.insert("severity".to_owned(), severity.into());
        fields.insert("time".to_owned(), jiff::Timestamp::now().to_string().into());
        event.record(&mut JsonVisitor(&mut fields));
        writeln!(writer, "{}", serde_json::Value::Object(fields))
    }
}

struct JsonVisitor<'m>(&'m mut serde_json::Map<String, serde_json::Value>);

impl Visit for JsonVisitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_and_stays_one_line_without_control_characters() {
        let lines = RecentLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || SafeLine(writer.clone()))
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(PlainFields)
            .finish();

        tracing::subscriber::with_default(subscriber, || {
            let word = "a\u{1b}[2Jb\n[PERFORMANCE] forged\u{202e}";
            tracing::info!(provider = %"openai", model = "gpt", cost = Some(0.5), "said {word}");
        });

        let line = lines.lines(0, 2).join("|");
        assert_eq!(
            line.trim(),
            r#"INFO said a\u001b[2Jb\n[PERFORMANCE] forged\u202e provider=openai model="gpt" cost=0.5"#
        );
    }

    #[test]
    fn pending_lines_are_written_when_logging_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (writer, logs) = in_background(LogFile::open(&path).unwrap()).unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();

        tracing::subscriber::with_default(subscriber, || {
            for number in 0..1_000 {
                tracing::info!("line {number}");
            }
        });
        assert_eq!(logs.lost.count(), 0);
        drop(logs);

        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1_000);
    }
}
