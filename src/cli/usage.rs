//! Who spent what, as a table or as CSV.

use super::text_format::{cell, csv_field, dollars, line, or_dash};
use crate::contract::{UsageReport, UsageRow};
use std::fmt::Write as _;

/// Columns of a name.
const NAME_COLUMNS: usize = 40;

/// A table with one line for each name, and the sum.
pub fn render_usage(report: &UsageReport) -> String {
    let head = format!("usage by {} since {}", report.by.as_str(), report.since);
    let mut text = line(&head);
    text.push_str(&columns(["name", "attempts", "failed", "tokens", "cost"]));
    for row in &report.usage {
        let name = if row.name.is_empty() { "-" } else { &row.name };
        text.push_str(&table_line(name, row));
    }
    text.push_str(&table_line("total", &report.total));
    text
}

fn table_line(name: &str, row: &UsageRow) -> String {
    let mark = row.cost_basis.mark().map(String::from).unwrap_or_default();
    let cost = or_dash(row.cost_usd, |usd| format!("{mark}{}", dollars(usd)));
    let count = |number: u64| number.to_string();
    let (attempts, failed, tokens) = (row.attempts, row.failed, row.tokens);
    columns([
        name,
        &count(attempts),
        &count(failed),
        &count(tokens),
        &cost,
    ])
}

fn columns([name, attempts, failed, tokens, cost]: [&str; 5]) -> String {
    let name = cell(name, NAME_COLUMNS);
    line(&format!(
        "{name} {attempts:>10} {failed:>8} {tokens:>14} {cost:>14}"
    ))
}

/// Comma-separated values with a line of names first (RFC 4180).
pub fn usage_csv(report: &UsageReport) -> String {
    let mut text = "name,attempts,failed,cancelled,tokens,costUsd\n".to_owned();
    for row in &report.usage {
        let cost = row.cost_usd.map(|usd| usd.to_string()).unwrap_or_default();
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{cost}",
            csv_field(&row.name),
            row.attempts,
            row.failed,
            row.cancelled,
            row.tokens,
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{CostBasisCounts, UsageBy};

    fn row(name: &str, cost_usd: Option<f64>) -> UsageRow {
        UsageRow {
            name: name.to_owned(),
            attempts: 12,
            failed: 1,
            cancelled: 0,
            tokens: 3_400,
            cost_usd,
            cost_basis: CostBasisCounts::default(),
        }
    }

    fn report() -> UsageReport {
        UsageReport {
            by: UsageBy::Tag,
            since: "2026-11-23T00:00:00Z".to_owned(),
            generated_at: "2026-11-30T00:00:00Z".to_owned(),
            usage: vec![row("nightly \u{1b}[2J", Some(1.5)), row("", None)],
            total: row("", Some(1.5)),
        }
    }

    #[test]
    fn names_control_no_terminal_and_an_unknown_cost_is_a_dash() {
        let text = render_usage(&report());

        assert!(!text.contains('\u{1b}'), "{text:?}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "usage by tag since 2026-11-23T00:00:00Z");
        assert!(
            lines[2].starts_with("nightly ") && lines[2].ends_with("$1.50"),
            "{text}"
        );
        assert!(
            lines[3].starts_with("- ") && lines[3].ends_with(" -"),
            "{text}"
        );
        assert!(lines[4].starts_with("total "), "{text}");
    }

    #[test]
    fn a_name_is_one_field_and_no_formula() {
        let mut report = report();
        report.usage = vec![row("a,\"b\"", Some(0.25)), row("=1+1", None)];

        assert_eq!(
            usage_csv(&report),
            "name,attempts,failed,cancelled,tokens,costUsd\n\
             \"a,\"\"b\"\"\",12,1,0,3400,0.25\n\
             '=1+1,12,1,0,3400,\n"
        );
    }
}
