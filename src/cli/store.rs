//! The state of a database as text.

use super::text_format::{cell, line};
use crate::contract::{DatabaseReport, MigrationReport, TableReport};

/// What is wrong first, then one line for each table.
pub fn render_database(report: &DatabaseReport) -> String {
    let state = match report.problems.len() {
        0 => "whole".to_owned(),
        1 => "damaged, 1 problem".to_owned(),
        count => format!("damaged, {count} problems"),
    };
    let mut text = line(&format!("{}: {state}", report.url));
    for problem in &report.problems {
        for part in problem.lines() {
            text.push_str(&line(&format!("  {part}")));
        }
    }
    let oldest = report.oldest_row.as_deref().unwrap_or("none");
    text.push_str(&line(&format!(
        "{}, version {}, {}, oldest row {oldest}",
        report.database,
        report.version,
        size(report.bytes)
    )));
    if report.version < report.newest_version {
        text.push_str(&line(&format!(
            "this program uses version {}; `aibal-tui store migrate` brings the database there",
            report.newest_version
        )));
    }
    if !report.tables.is_empty() {
        let head = ["table", "rows", "days", "partitions", "oldest", "newest"];
        text.push_str(&columns(head));
    }
    for table in &report.tables {
        text.push_str(&table_line(table));
    }
    text
}

fn table_line(table: &TableReport) -> String {
    let partitions = table.partitions.map(|partitions| partitions.to_string());
    columns([
        &table.name,
        &table.rows.to_string(),
        &table.days.to_string(),
        partitions.as_deref().unwrap_or("-"),
        table.oldest.as_deref().unwrap_or("-"),
        table.newest.as_deref().unwrap_or("-"),
    ])
}

fn columns([name, rows, days, partitions, oldest, newest]: [&str; 6]) -> String {
    let (name, oldest) = (cell(name, 10), cell(oldest, 24));
    line(&format!(
        "{name} {rows:>12} {days:>6} {partitions:>10}  {oldest}  {newest}"
    ))
}

/// From which version to which.
pub fn render_migration(report: &MigrationReport) -> String {
    let (url, from, to) = (&report.url, report.from, report.to);
    if from == to {
        line(&format!("{url} has version {to} already"))
    } else {
        line(&format!("{url} migrated from version {from} to {to}"))
    }
}

/// Bytes in the largest unit that leaves a number above 1.
fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let unit = units.into_iter().find(|(_, factor)| bytes >= *factor);
    let Some((unit, factor)) = unit else {
        return format!("{bytes} bytes");
    };
    let tenths = bytes / (factor / 10);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::text_format::COLUMNS;

    #[test]
    fn problems_come_first_and_no_line_is_too_wide() {
        let table = TableReport {
            name: "attempts".to_owned(),
            rows: 123_456_789,
            days: 30,
            partitions: Some(33),
            oldest: Some("2026-11-01T00:00:00.000Z".to_owned()),
            newest: Some("2026-11-30T23:59:59.999Z".to_owned()),
        };
        let report = DatabaseReport {
            url: "postgres://db.example/aibal".to_owned(),
            database: "PostgreSQL".to_owned(),
            problems: vec!["events_20000 is missing\u{1b}[2J".to_owned()],
            version: 1,
            newest_version: 2,
            bytes: 12_345_678,
            oldest_row: table.oldest.clone(),
            tables: vec![table, TableReport::default()],
            ..DatabaseReport::default()
        };

        let text = render_database(&report);

        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
        insta::assert_snapshot!(text, @"
        postgres://db.example/aibal: damaged, 1 problem
          events_20000 is missing?[2J
        PostgreSQL, version 1, 12.3 MB, oldest row 2026-11-01T00:00:00.000Z
        this program uses version 2; `aibal-tui store migrate` brings the database there
        table              rows   days partitions  oldest                    newest
        attempts      123456789     30         33  2026-11-01T00:00:00.000Z  2026-11-30T23:59:59.999Z
                              0      0          -  -                         -
        ");
    }

    #[test]
    fn a_migration_names_both_versions() {
        let report = |from| MigrationReport {
            url: "sqlite:/x".to_owned(),
            from,
            to: 2,
        };

        assert_eq!(
            render_migration(&report(1)),
            "sqlite:/x migrated from version 1 to 2\n"
        );
        assert_eq!(
            render_migration(&report(2)),
            "sqlite:/x has version 2 already\n"
        );
    }

    #[test]
    fn a_size_has_a_unit() {
        let sizes = [0, 999, 1_000, 4_199_999, 2_000_000_000].map(size);
        assert_eq!(
            sizes,
            ["0 bytes", "999 bytes", "1.0 kB", "4.1 MB", "2.0 GB"]
        );
    }
}
