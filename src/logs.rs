//! Where log lines go, and in what form. While the dashboard is up nothing may write to the
//! terminal, so lines go to a file, and the latest to the screen's own log.
//!
//! Whoever logs waits for no disk and no reader: a thread of its own writes, many lines at once
//! when there are many, and what its bounded queue does not take is counted.

mod nonblocking;

pub use nonblocking::DroppedLines;

use nonblocking::{NonBlockingWriter, WriterGuard};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
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

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
    /// Google Cloud Logging's structured JSON, with `severity`.
    Gcp,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            "gcp" => Ok(Self::Gcp),
            _ => Err(format!("{word:?} is not one of text, json, gcp")),
        }
    }
}

/// So many lines are remembered for the screen.
const MAX_RECENT_LINES: usize = 500;
/// Of a longer line the beginning is remembered.
const MAX_LINE_BYTES: usize = 1_000;

/// The latest log lines, for the screen; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct RecentLines {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// The screen is closed: lines go to stderr as well.
    is_closed: Arc<AtomicBool>,
}

impl RecentLines {
    /// From now on lines go to stderr as well: the screen is closed, the process goes on.
    pub fn to_stderr(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }

    /// The newest lines first, at most so many, after so many that are newer.
    pub fn lines(&self, newer: usize, most: usize) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().rev().skip(newer).take(most).cloned().collect()
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
            let _nobody_may_read = io::stderr().write_all(bytes);
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

/// What is logged, how, and where.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// A level or a filter; else `RUST_LOG`, else `info`.
    pub level: Option<String>,
    pub format: LogFormat,
    pub file: Option<PathBuf>,
    /// The terminal is not for lines: without a file the latest are kept for the screen.
    pub has_screen: bool,
}

/// Logging, started. What waits is written when it is dropped.
#[derive(Debug, Default)]
pub struct Logs {
    /// The latest lines, where there is a screen for them.
    pub recent: RecentLines,
    /// Of lines that were not written because there were too many.
    pub lost: DroppedLines,
    _writer: Option<WriterGuard>,
}

/// Starts logging. The error names the file or the filter that is wrong.
pub fn start(options: &LogOptions) -> Result<Logs, String> {
    let filter = filter(options.level.as_deref())?;
    let (writer, logs) = match (&options.file, options.has_screen) {
        (Some(path), _) => {
            let file = File::options().create(true).append(true).open(path);
            let file = file.map_err(|error| {
                format!("could not open the log file {}: {error}", path.display())
            })?;
            in_background(file)?
        }
        (None, true) => {
            let recent = RecentLines::default();
            let logs = Logs {
                recent: recent.clone(),
                ..Logs::default()
            };
            (BoxMakeWriter::new(move || recent.clone()), logs)
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
    // A second start in one process keeps the first one's lines.
    let _already_started = started;
    Ok(logs)
}

fn in_background(out: impl Write + Send + 'static) -> Result<(BoxMakeWriter, Logs), String> {
    let opened =
        NonBlockingWriter::open(out).map_err(|error| format!("could not start to log: {error}"));
    let (pipe, end) = opened?;
    let logs = Logs {
        lost: pipe.lost(),
        _writer: Some(end),
        ..Logs::default()
    };
    Ok((BoxMakeWriter::new(move || pipe.clone()), logs))
}

/// `message name=value name="text"`, without colours: as the usual form, at a fraction of its cost.
struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut plain = Plain {
            writer: EscapeControls(writer),
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut plain);
        plain.result
    }
}

struct Plain<'writer> {
    writer: EscapeControls<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visit for Plain<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        if self.result.is_err() {
            return;
        }
        let gap = if std::mem::take(&mut self.is_first) {
            ""
        } else {
            " "
        };
        self.result = match field.name() {
            "message" => write!(self.writer, "{gap}{value:?}"),
            name => write!(self.writer, "{gap}{name}={value:?}"),
        };
    }
}

/// Control characters, which others may have put into what we quote, steer no terminal.
struct EscapeControls<'writer>(Writer<'writer>);

impl fmt::Write for EscapeControls<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.chars().any(char::is_control) {
            return self.0.write_str(text);
        }
        text.chars().try_for_each(|c| match c {
            '\n' => self.0.write_char('\n'),
            c if c.is_control() => write!(self.0, "{}", c.escape_unicode()),
            c => self.0.write_char(c),
        })
    }
}

fn filter(level: Option<&str>) -> Result<EnvFilter, String> {
    if let Some(level) = level {
        return EnvFilter::try_new(level)
            .map_err(|_| format!("the log level is {level:?}, but must be error, warn, info, debug, trace or a filter"));
    }
    let debug = std::env::var("DEBUG").is_ok_and(|debug| debug.contains("load-balancer"));
    let fallback = if debug {
        "info,aibal_tui=debug"
    } else {
        "info"
    };
    Ok(EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(fallback)))
}

/// One line of structured JSON as Cloud Logging reads it.
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
        event.record(&mut Fields(&mut fields));
        writeln!(writer, "{}", serde_json::Value::Object(fields))
    }
}

struct Fields<'m>(&'m mut serde_json::Map<String, serde_json::Value>);

impl Visit for Fields<'_> {
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

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_plain_and_steers_no_terminal() {
        let lines = RecentLines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .fmt_fields(PlainFields)
            .finish();

        tracing::subscriber::with_default(subscriber, || {
            let word = "a\u{1b}[2Jb";
            tracing::info!(provider = %"openai", model = "gpt", cost = Some(0.5), "said {word}");
        });

        let line = lines.lines(0, 1).remove(0);
        assert_eq!(
            line.trim(),
            r#"INFO said a\u{1b}[2Jb provider=openai model="gpt" cost=0.5"#
        );
    }

    #[test]
    fn what_was_logged_is_written_when_logging_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (writer, logs) = in_background(File::create(&path).unwrap()).unwrap();
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
