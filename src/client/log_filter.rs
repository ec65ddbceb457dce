//! Which lines of a log a list has, and the list.

use crate::contract::{LogLevel, LogLine, LogList};
use crate::logs::{RecentLine, RecentLines};
use tracing::Level;

/// Which of the latest lines of a log a list has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Most lines.
    pub limit: usize,
    /// Only lines after the one with this sequence number, and of these the first; without it the
    /// newest.
    pub after: Option<u64>,
    /// Only lines at least so severe.
    pub level: Option<LogLevel>,
}

impl LogFilter {
    /// Lines of one page, unless the query says otherwise.
    pub const DEFAULT_LIMIT: usize = 100;
    /// Most lines of one page: all that are kept.
    pub const MAX_LIMIT: usize = 500;
}

/// The latest lines that match.
pub fn log_list(recent: &RecentLines, filter: &LogFilter) -> LogList {
    let after = filter.after.unwrap_or(0);
    let (lines, removed) = recent.after(after);
    let newest = lines.last().map_or(after, |line| line.sequence);
    let mut lines: Vec<LogLine> = lines.into_iter().map(LogLine::from).collect();
    if let Some(level) = filter.level {
        lines.retain(|line| line.level <= level);
    }
    let mut next = newest;
    let surplus = lines.len().saturating_sub(filter.limit);
    if surplus > 0 && filter.after.is_some() {
        lines.truncate(filter.limit);
        next = lines.last().map_or(after, |line| line.sequence);
    } else {
        lines.drain(..surplus);
    }
    LogList {
        lines,
        next,
        removed,
        dropped: 0,
    }
}

impl From<RecentLine> for LogLine {
    fn from(line: RecentLine) -> Self {
        let RecentLine {
            sequence,
            at,
            level,
            target,
            text,
        } = line;
        Self {
            sequence,
            at,
            level: level.into(),
            target,
            text,
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::ERROR => Self::Error,
            Level::WARN => Self::Warn,
            Level::INFO => Self::Info,
            Level::DEBUG => Self::Debug,
            Level::TRACE => Self::Trace,
        }
    }
}
