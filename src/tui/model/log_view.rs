//! The state of the log view.

use crate::client::LogFilter;
use crate::contract::{LogLine, LogList};
use crate::tui::filter::Filter;
use std::time::Duration;

/// Whose lines the log view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogSource {
    #[default]
    Gateway,
    /// The process of the dashboard.
    Dashboard,
}

/// The state of the log view.
#[derive(Debug, Clone, Default)]
pub struct LogView {
    pub source: LogSource,
    /// The lines that are known, oldest first.
    pub lines: Vec<LogLine>,
    /// Where the next request continues; none asks for all lines again.
    pub next: Option<u64>,
    /// Lines that were removed before they were requested.
    pub missed: u64,
    /// The error of the latest request.
    pub error: Option<String>,
    /// A request is under way.
    pub asked: bool,
    /// Time of the latest request, since the start of the dashboard.
    pub asked_at: Option<Duration>,
    pub filter: Filter,
    /// Sequence number of the line under the cursor; none follows the newest.
    pub cursor: Option<u64>,
    /// Cells by which the texts are moved to the left.
    pub column: usize,
}

impl LogView {
    /// Shows the other source, with the same filter.
    pub fn switch(&mut self) {
        *self = Self {
            source: match self.source {
                LogSource::Gateway => LogSource::Dashboard,
                LogSource::Dashboard => LogSource::Gateway,
            },
            filter: std::mem::take(&mut self.filter),
            ..Self::default()
        };
    }

    /// What to ask for: only lines that are not known yet.
    pub fn wanted(&self) -> LogFilter {
        LogFilter {
            limit: LogFilter::MAX_LIMIT,
            after: self.next,
            level: None,
        }
    }

    /// Takes in lines, and forgets the oldest beyond the limit.
    pub fn receive(&mut self, list: LogList) {
        self.error = None;
        match self.next {
            Some(next) if list.next >= next => self.missed += list.removed,
            // All lines were asked for, or the gateway was started again and counts from 1.
            _ => {
                self.lines.clear();
                self.missed = 0;
            }
        }
        let known = self.lines.last().map_or(0, |line| line.sequence);
        let new = list.lines.into_iter();
        self.lines.extend(new.filter(|line| line.sequence > known));
        let surplus = self.lines.len().saturating_sub(LogFilter::MAX_LIMIT);
        self.lines.drain(..surplus);
        self.next = Some(list.next);
    }

    /// The lines that the filter shows.
    pub fn rows(&self) -> Vec<&LogLine> {
        let all = self.lines.iter();
        all.filter(|line| self.filter.shows_line(line)).collect()
    }

    /// The place of the line under the cursor; of the next one if it is hidden or gone.
    pub fn at(&self, rows: &[&LogLine]) -> usize {
        let last = rows.len().saturating_sub(1);
        self.cursor.map_or(last, |cursor| {
            let place = rows.iter().position(|line| line.sequence >= cursor);
            place.unwrap_or(last)
        })
    }

    /// Moves the cursor by `step` lines; on the newest it follows.
    pub fn move_cursor(&mut self, step: isize) {
        let rows = self.rows();
        let last = rows.len().saturating_sub(1);
        let next = self.at(&rows).saturating_add_signed(step).min(last);
        self.cursor = rows
            .get(next)
            .filter(|_| next < last)
            .map(|line| line.sequence);
    }

    /// The line under the cursor.
    pub fn selected(&self) -> Option<&LogLine> {
        let rows = self.rows();
        rows.get(self.at(&rows)).copied()
    }
}
