//! The report of `aibal-tui doctor` as text.

use crate::contract::{DoctorReport, DoctorResult};
use std::fmt::Write;

/// Columns of the result.
const RESULT_COLUMNS: usize = 8;

/// One line for each check, what to do below it, and a line that sums up.
pub fn render_doctor(report: &DoctorReport) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let subject = check.subject.as_ref().map(|subject| format!(" {subject}"));
        let _ = writeln!(
            text,
            "{:RESULT_COLUMNS$} {}{}: {}",
            check.result.as_str(),
            check.check,
            subject.unwrap_or_default(),
            check.message
        );
        if let Some(advice) = &check.advice {
            let _ = writeln!(text, "{:RESULT_COLUMNS$} -> {advice}", "");
        }
    }
    let count = |result| {
        report
            .checks
            .iter()
            .filter(|it| it.result == result)
            .count()
    };
    let summary = match report.result {
        DoctorResult::Ok | DoctorResult::Skipped => "all is well".to_owned(),
        _ => format!(
            "{} broken, {} with a warning",
            count(DoctorResult::Broken),
            count(DoctorResult::Warning)
        ),
    };
    text + &summary + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::DoctorCheck;

    #[test]
    fn every_check_has_a_line_and_its_advice_below() {
        let report = DoctorReport::new(vec![
            DoctorCheck::new("clock", DoctorResult::Ok, "agrees with 2 providers"),
            DoctorCheck::new("provider", DoctorResult::Broken, "the key is refused (401)")
                .of("openai")
                .advise("set a valid key in OPENAI_API_KEY"),
            DoctorCheck::new("terminal", DoctorResult::Warning, "TERM is dumb"),
        ]);

        insta::assert_snapshot!(render_doctor(&report), @r"
        ok       clock: agrees with 2 providers
        broken   provider openai: the key is refused (401)
                 -> set a valid key in OPENAI_API_KEY
        warning  terminal: TERM is dumb
        1 broken, 1 with a warning
        ");
    }
}
