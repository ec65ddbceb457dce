//! Destination and format of log lines. While the dashboard is shown, nothing may write to the terminal,
//! so lines go to a file or nowhere. The latest ones are kept for dashboards in every case.
//!
//! A line stays one line without control characters, whatever it quotes.
//!
//! Logging never waits for a disk or a reader: a separate thread writes, in batches, and lines that do
//! not fit into its bounded buffer are counted.

mod file;
mod format;
mod nonblocking;
mod recent;
mod safe_line;

pub use file::reopen;
pub use format::{LogFormat, UnknownLogFormat};
pub use nonblocking::DroppedLines;
pub use recent::{RecentLine, RecentLines};

use file::LogFile;
use nonblocking::{NonBlockingWriter, WriterGuard};
use safe_line::SafeLine;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

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

/// Where lines go, beside the latest that are kept.
#[derive(Debug, Clone)]
enum Output {
    Background(NonBlockingWriter),
    /// The dashboard uses the terminal: nowhere, until it is closed.
    Screen,
}

/// Makes a writer for each line.
#[derive(Debug, Clone)]
struct LineWriters {
    output: Output,
    recent: RecentLines,
}

/// Writes one line.
#[derive(Debug)]
struct LineWriter {
    writers: LineWriters,
    level: Level,
    target: String,
}

impl LineWriters {
    fn line(&self, level: Level, target: &str) -> SafeLine<LineWriter> {
        SafeLine(LineWriter {
            writers: self.clone(),
            level,
            target: target.to_owned(),
        })
    }
}

impl<'a> MakeWriter<'a> for LineWriters {
    type Writer = SafeLine<LineWriter>;

    fn make_writer(&'a self) -> Self::Writer {
        self.line(Level::INFO, "")
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        self.line(*metadata.level(), metadata.target())
    }
}

impl Write for LineWriter {
    /// Takes one line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let LineWriters { output, recent } = &mut self.writers;
        recent.push(self.level, &self.target, line);
        match output {
            Output::Background(writer) => return writer.write(line),
            Output::Screen if recent.is_closed() => {
                let _may_be_closed = io::stderr().write_all(line);
            }
            Output::Screen => {}
        }
        Ok(line.len())
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
    /// Whether the dashboard uses the terminal: without a file, lines go nowhere while it is open.
    pub has_screen: bool,
}

/// Logging in progress. Pending lines are written on drop.
#[derive(Debug, Default)]
pub struct Logs {
    /// The latest lines, for dashboards.
    pub recent: RecentLines,
    /// Count of lines that were not written.
    pub lost: DroppedLines,
    _writer: Option<WriterGuard>,
}

/// Starts logging. The error names the file or the filter at fault.
pub fn start(options: &LogOptions) -> Result<Logs, LogError> {
    let filter = filter(options.level.as_deref())?;
    let recent = RecentLines::new(options.format);
    let (writer, logs) = match (&options.file, options.has_screen) {
        (Some(path), _) => {
            let file = LogFile::open(path).map_err(|source| LogError::OpenFile {
                path: path.clone(),
                source,
            })?;
            in_background(file, recent)?
        }
        (None, true) => on_screen(recent),
        (None, false) => in_background(io::stderr(), recent)?,
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

fn in_background(
    out: impl Write + Send + 'static,
    recent: RecentLines,
) -> Result<(LineWriters, Logs), LogError> {
    let (writer, guard) = NonBlockingWriter::open(out).map_err(LogError::StartWriter)?;
    let logs = Logs {
        recent: recent.clone(),
        lost: writer.dropped(),
        _writer: Some(guard),
    };
    let output = Output::Background(writer);
    Ok((LineWriters { output, recent }, logs))
}

fn on_screen(recent: RecentLines) -> (LineWriters, Logs) {
    let logs = Logs {
        recent: recent.clone(),
        ..Logs::default()
    };
    let output = Output::Screen;
    (LineWriters { output, recent }, logs)
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
        let (writers, logs) = on_screen(RecentLines::default());
        let subscriber = tracing_subscriber::fmt()
            .with_writer(writers)
            .with_ansi(false)
            .with_target(false)
            .fmt_fields(PlainFields)
            .finish();

        tracing::subscriber::with_default(subscriber, || {
            let word = "a\u{1b}[2Jb\n[PERFORMANCE] forged\u{202e}";
            tracing::info!(provider = %"openai", model = "gpt", cost = Some(0.5), "said {word}");
        });

        let (lines, _) = logs.recent.after(0);
        assert_eq!(lines.len(), 1);
        assert_eq!(
            lines[0].text,
            r#"said a\u001b[2Jb\n[PERFORMANCE] forged\u202e provider=openai model="gpt" cost=0.5"#
        );
        assert_eq!(lines[0].level, Level::INFO);
        assert!(lines[0].target.ends_with("logs::tests") && !lines[0].at.is_empty());
    }

    #[test]
    fn pending_lines_are_written_when_logging_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (writer, logs) =
            in_background(LogFile::open(&path).unwrap(), RecentLines::default()).unwrap();
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();

        tracing::subscriber::with_default(subscriber, || {
            for number in 0..1_000 {
                tracing::info!("line {number}");
            }
        });
        assert_eq!(logs.lost.count(), 0);
        let (lines, removed) = logs.recent.after(0);
        assert_eq!(lines.len() as u64 + removed, 1_000);
        drop(logs);

        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1_000);
    }
}
