//! Where log lines go, and in what form. While the dashboard is up nothing may write to the
//! terminal, so lines go to a file or nowhere.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Mutex;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
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

/// What is logged, how, and where.
#[derive(Debug, Clone, Default)]
pub struct LogOptions {
    /// A level or a filter; else `RUST_LOG`, else `info`.
    pub level: Option<String>,
    pub format: LogFormat,
    pub file: Option<PathBuf>,
    /// The screen is ours: without a file, lines go nowhere.
    pub has_screen: bool,
}

/// Starts logging. The error names the file or the filter that is wrong.
pub fn start(options: &LogOptions) -> Result<(), String> {
    let filter = filter(options.level.as_deref())?;
    let writer = match &options.file {
        Some(path) => {
            let file = File::options().create(true).append(true).open(path);
            let file = file.map_err(|error| {
                format!("could not open the log file {}: {error}", path.display())
            })?;
            BoxMakeWriter::new(Mutex::new(file))
        }
        None if options.has_screen => BoxMakeWriter::new(std::io::sink),
        None => BoxMakeWriter::new(std::io::stderr),
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    let started = match options.format {
        LogFormat::Text => lines.with_target(false).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Gcp => lines.event_format(CloudLine).try_init(),
    };
    // A second start in one process keeps the first one's lines.
    let _already_started = started;
    Ok(())
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

impl tracing::field::Visit for Fields<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0
            .insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
