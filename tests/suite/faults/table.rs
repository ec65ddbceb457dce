//! Compares `FAULTS.md` with the tests.

use std::fs;
use std::path::{Path, PathBuf};

const TABLE: &str = include_str!("FAULTS.md");

/// Adds every Rust file below the folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of functions that are marked as tests.
fn tests() -> Vec<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut files,
        );
    }
    let mut names = Vec::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        let mut is_marked = false;
        // A test for both databases has its parameter as its mark.
        let both = text.lines().map(str::trim_start);
        let both = both.filter(|line| line.starts_with("async fn ") && text.contains("on_both! {"));
        let both = both.filter_map(|line| line.strip_prefix("async fn ")?.split_once('('));
        let both = both.filter(|(_, rest)| rest.is_empty() || rest.starts_with("database: "));
        names.extend(both.map(|(name, _)| name.to_owned()));
        for line in text.lines().map(str::trim_start) {
            if let Some((_, rest)) = line.split_once("fn ")
                && is_marked
                && !line.starts_with("//")
            {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_marked = false;
            }
            is_marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        }
    }
    names
}

/// Rows by their first cell, with the names in backticks in their last.
fn rows() -> Vec<(&'static str, Vec<&'static str>, &'static str)> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| ---") && !line.ends_with("| tests |"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let (first, last) = (cells[0], cells[cells.len() - 1].trim_end_matches(" |"));
        (first, last.split('`').skip(1).step_by(2).collect(), last)
    })
    .collect()
}

#[test]
fn every_fault_has_a_row_and_every_test_in_it_exists() {
    let (tests, rows) = (tests(), rows());
    for (first, names, last) in &rows {
        let is_elsewhere = last.contains("Elsewhere: ");
        assert!(is_elsewhere || !names.is_empty(), "{first} names no test");
        for name in names {
            assert!(
                tests.iter().any(|test| test == name),
                "{first}: there is no test {name}"
            );
        }
    }
    let scenarios = (1..=16).map(|number| format!("S{number:02}"));
    for row in scenarios.chain((1..=25).map(|number: u32| number.to_string())) {
        let found = rows.iter().filter(|(first, ..)| *first == row).count();
        assert_eq!(found, 1, "rows of {row}");
    }
}
