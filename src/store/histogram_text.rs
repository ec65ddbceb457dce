//! Histograms and counts by code as short texts: `3:7 12:1` and `timeout:2 server:1`.

use crate::domain::Failure;
use std::fmt::Write as _;

/// Writes the cells of a histogram.
pub(super) fn write(cells: impl Iterator<Item = (u8, u32)>) -> String {
    let mut text = String::new();
    for (bucket, count) in cells {
        separate(&mut text);
        // Writing into a text cannot fail.
        let _ = write!(text, "{bucket}:{count}");
    }
    text
}

/// Writes counts by code.
pub(super) fn write_counts(counts: &[(&'static str, u64)]) -> String {
    let mut text = String::new();
    for (code, count) in counts {
        separate(&mut text);
        let _ = write!(text, "{code}:{count}");
    }
    text
}

/// Reads cells; what is none is left out.
pub(super) fn read(text: &str) -> impl Iterator<Item = (u8, u32)> {
    text.split(' ').filter_map(|cell| {
        let (bucket, count) = cell.split_once(':')?;
        Some((bucket.parse().ok()?, count.parse().ok()?))
    })
}

/// Reads counts by code, which may stand there several times; unknown codes are left out.
pub(super) fn read_counts(text: &str) -> Vec<(&'static str, u64)> {
    let read = |cell: &str| {
        let (code, count) = cell.split_once(':')?;
        Some((Failure::parse(code)?.as_str(), count.parse::<u64>().ok()?))
    };
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    for (code, count) in text.split(' ').filter_map(read) {
        match counts.iter_mut().find(|(known, _)| *known == code) {
            Some((_, sum)) => *sum = count.saturating_add(*sum),
            None => counts.push((code, count)),
        }
    }
    counts
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push(' ');
    }
}
