//! The audit log as text.

use super::text_format::{csv_field, line};
use crate::contract::{AuditChainReport, AuditCheckReport, AuditReport};

/// One line for each chain, and one for what is wrong with it.
pub fn render_audit_check(report: &AuditCheckReport) -> String {
    if report.chains.is_empty() {
        return line("the audit log is empty");
    }
    report.chains.iter().map(chain).collect()
}

fn chain(chain: &AuditChainReport) -> String {
    let (instance, entries) = (&chain.instance, chain.entries);
    let mut text = match chain.broken_at {
        None => line(&format!("{instance}: intact, {entries} entries")),
        Some(number) => {
            let why = chain.why.as_deref().unwrap_or("it does not fit");
            line(&format!("{instance}: BROKEN, {entries} entries"))
                + &line(&format!("  first at entry {number}: {why}"))
        }
    };
    if let Some(number) = chain.expired_up_to {
        text.push_str(&line(&format!(
            "  entries up to {number} were removed because of their age"
        )));
    }
    text + &line(&format!("  last hash {}", chain.last_hash))
}

/// An entry as one line of JSON.
pub fn audit_json_line(entry: &AuditReport) -> serde_json::Result<String> {
    serde_json::to_string(entry).map(|text| text + "\n")
}

/// Names of the columns of [`audit_csv_line`].
pub fn audit_csv_names() -> String {
    "instance,number,at,actor,origin,action,subject,outcome,reason,before,after,previous,hash\n"
        .to_owned()
}

/// An entry as comma-separated values.
pub fn audit_csv_line(entry: &AuditReport) -> String {
    let number = entry.number.to_string();
    let fields = [
        &entry.instance,
        &number,
        &entry.at,
        &entry.actor,
        &entry.origin,
        &entry.action,
        &entry.subject,
        &entry.outcome,
        &entry.reason,
        &entry.before,
        &entry.after,
        &entry.previous,
        &entry.hash,
    ];
    fields.map(|field| csv_field(field)).join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_names_the_first_broken_entry_of_each_chain() {
        let intact = AuditChainReport {
            instance: "local:8080".to_owned(),
            entries: 12,
            expired_up_to: Some(7),
            last_hash: "ab".repeat(32),
            ..AuditChainReport::default()
        };
        let broken = AuditChainReport {
            broken_at: Some(9),
            why: Some("its content does not fit its hash".to_owned()),
            expired_up_to: None,
            ..intact.clone()
        };
        let report = AuditCheckReport {
            is_intact: false,
            chains: vec![intact, broken],
        };

        insta::assert_snapshot!(render_audit_check(&report), @"
        local:8080: intact, 12 entries
          entries up to 7 were removed because of their age
          last hash abababababababababababababababababababababababababababababababab
        local:8080: BROKEN, 12 entries
          first at entry 9: its content does not fit its hash
          last hash abababababababababababababababababababababababababababababababab
        ");
        assert_eq!(
            render_audit_check(&AuditCheckReport::default()),
            "the audit log is empty\n"
        );
    }

    #[test]
    fn an_entry_is_one_line_of_csv() {
        let entry = AuditReport {
            instance: "local:8080".to_owned(),
            number: 3,
            reason: "=1+1\nand more".to_owned(),
            after: "{\"cost\":1,\"load\":2}".to_owned(),
            ..AuditReport::default()
        };

        assert_eq!(
            audit_csv_line(&entry),
            "local:8080,3,,,,,,,'=1+1\\nand more,,\"{\"\"cost\"\":1,\"\"load\"\":2}\",,\n"
        );
        let names = audit_csv_names();
        let columns = |line: &str| line.split(',').count();
        assert_eq!(
            columns(&names),
            columns(&audit_csv_line(&AuditReport::default()))
        );
    }
}
