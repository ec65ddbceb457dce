//! One request told in lines: the same on the screen of the dashboard and in `aibal-tui explain`.

use super::attempt::AttemptReport;
use super::decision::{DecisionOutcome, DecisionReport, RequestTrouble};
use super::selection_round::DecisionDetail;

/// One line of an explanation. Its text may hold a provider's words: control characters are for the
/// reader to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLine {
    /// What the line is about, at most 8 letters.
    pub label: String,
    /// The line.
    pub text: String,
}

/// How what is private is shown: amounts, and names of people.
pub type Privacy<'a> = &'a dyn Fn(String) -> String;

impl ExplainedLine {
    fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            text: text.into(),
        }
    }
}

impl DecisionReport {
    /// What went wrong in a few words: `failed: server at google`, `saved: google → xai after server`;
    /// `None` where nothing did.
    pub fn trouble_text(&self) -> Option<String> {
        let class = self.error_class.as_deref().unwrap_or("an unknown failure");
        Some(match self.trouble? {
            RequestTrouble::Failed if self.chain.is_empty() => format!("failed: {class}"),
            RequestTrouble::Failed => format!("failed: {class} at {}", self.chain_text()),
            RequestTrouble::Saved => format!("saved: {} after {class}", self.chain_text()),
        })
    }

    /// The providers of its attempts: `google → xai`.
    pub fn chain_text(&self) -> String {
        self.chain.join(" → ")
    }
}

impl DecisionDetail {
    /// What happened to the request: its result, the cause of a failure, each attempt, and who asked
    /// for what. `hide` gets what is private.
    pub fn told(&self, hide: Privacy<'_>) -> Vec<ExplainedLine> {
        let mut lines = vec![ExplainedLine::new("result", self.result(hide))];
        lines.extend(self.cause().map(|text| ExplainedLine::new("cause", text)));
        // Words that stand in the line of the cause are not repeated.
        let cited = self.cited().and_then(|attempt| attempt.message.as_ref());
        let attempts = self.attempts.iter();
        lines.extend(attempts.map(|attempt| {
            let label = match attempt.attempt {
                0 => "reported".to_owned(),
                number => format!("try {number}"),
            };
            let words = attempt
                .message
                .as_ref()
                .filter(|words| Some(*words) != cited);
            ExplainedLine::new(label, attempt.told(words, hide))
        }));
        let left_out = (self.summary.attempts as usize).saturating_sub(self.attempts.len());
        if left_out > 0 && self.summary.outcome != DecisionOutcome::Pending {
            let text = format!("{left_out} more, of which nothing is recorded");
            lines.push(ExplainedLine::new("tries", text));
        }
        lines.push(ExplainedLine::new("request", self.asked(hide)));
        if !self.dropped_fields.is_empty() {
            let text = format!(
                "{}: the target's protocol has no place for it",
                self.dropped_fields.join(", ")
            );
            lines.push(ExplainedLine::new("left out", text));
        }
        lines
    }

    fn result(&self, hide: Privacy<'_>) -> String {
        let summary = &self.summary;
        let attempts = match summary.attempts {
            1 => "1 attempt".to_owned(),
            tries => format!("{tries} attempts"),
        };
        let status = self.status.map(|status| format!(" ({status})"));
        let status = status.unwrap_or_default();
        let word = match (summary.outcome, summary.trouble) {
            (DecisionOutcome::Pending, _) => return format!("pending, {attempts} so far"),
            (DecisionOutcome::Ok, Some(_)) => format!("saved by another attempt{status}"),
            (DecisionOutcome::Ok, None) => format!("ok{status}"),
            (DecisionOutcome::Error, _) => format!("failed{status}"),
            (DecisionOutcome::Refused, _) => format!("refused{status}"),
            (DecisionOutcome::Cancelled, _) => "the client left".to_owned(),
        };
        let mut parts = vec![format!(
            "{word} after {attempts}, in {}",
            duration(summary.latency_ms)
        )];
        parts.extend(tokens(self.input_tokens, self.output_tokens));
        parts.extend(summary.cost_usd.map(|usd| {
            let amount = hide(amount(usd));
            format!("${amount} {}", summary.cost_basis)
        }));
        if summary.chain.len() > 1 {
            parts.push(summary.chain_text());
        }
        parts.join(", ")
    }

    /// The attempt that is the cause: of a saved request the first that failed, else the last.
    fn cited(&self) -> Option<&AttemptReport> {
        let is_failed = |attempt: &&AttemptReport| attempt.outcome == DecisionOutcome::Error;
        match self.summary.trouble? {
            RequestTrouble::Saved => self.attempts.iter().find(is_failed),
            RequestTrouble::Failed => self.attempts.iter().rfind(is_failed),
        }
    }

    /// Why it failed, or why it needed another attempt.
    fn cause(&self) -> Option<String> {
        self.summary.trouble?;
        let class = self.summary.error_class.as_deref();
        let class = class.unwrap_or("an unknown failure");
        Some(match (self.cited(), &self.message) {
            (Some(attempt), _) => attempt.failure(attempt.message.as_ref()),
            (None, Some(message)) => format!("{class}: {message}"),
            (None, None) => class.to_owned(),
        })
    }

    /// Who asked for what, and when.
    fn asked(&self, hide: Privacy<'_>) -> String {
        let summary = &self.summary;
        let Some(id) = &summary.request_id else {
            return format!("runs since {}", summary.at);
        };
        let mut text = id.clone();
        if let Some(client) = &summary.client {
            text = format!("{text} of client {}", hide(client.clone()));
        }
        if let Some(model) = &summary.model_asked {
            text = format!("{text}, asked for {model}");
        }
        if let Some(tag) = &self.tag {
            text = format!("{text}, tag {}", hide(tag.clone()));
        }
        format!("{text}, ended {}", summary.at)
    }
}

impl AttemptReport {
    /// The attempt with all that was measured of it.
    fn told(&self, words: Option<&String>, hide: Privacy<'_>) -> String {
        let end = match self.outcome {
            DecisionOutcome::Error => self.failure(words),
            outcome => {
                let status = self.status.map(|status| format!(" {status}"));
                format!("{} {outcome}{}", self.target(), status.unwrap_or_default())
            }
        };
        let mut parts = vec![format!("in {}", duration(Some(self.latency_ms)))];
        let first_token = self.time_to_first_token_ms;
        parts.extend(first_token.map(|ms| format!("first token {}", duration(Some(ms)))));
        parts.extend(tokens(self.input_tokens, self.output_tokens));
        parts.extend(self.cost_usd.map(|usd| format!("${}", hide(amount(usd)))));
        parts.extend(self.key.map(|key| format!("key {key}")));
        format!("{end}; {}", parts.join(", "))
    }

    /// Who failed how, and the provider's words.
    fn failure(&self, words: Option<&String>) -> String {
        let class = self.error_class.as_deref().unwrap_or("failed");
        let status = match self.status {
            Some(status) => format!("answered {status} ({class})"),
            None => format!("gave no answer ({class})"),
        };
        let words = words.map(|words| format!(": \"{words}\""));
        format!("{} {status}{}", self.target(), words.unwrap_or_default())
    }

    fn target(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

fn tokens(input: Option<u64>, output: Option<u64>) -> Option<String> {
    Some(format!("{} + {} tokens", input?, output?))
}

fn duration(milliseconds: Option<f64>) -> String {
    match milliseconds {
        None => "an unknown time".to_owned(),
        Some(ms) if ms < 999.5 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1e3),
    }
}

/// An amount in dollars, with enough digits for one request.
fn amount(usd: f64) -> String {
    if usd == 0.0 || usd >= 0.995 {
        format!("{usd:.2}")
    } else {
        format!("{usd:.5}")
    }
}

#[cfg(test)]
mod tests;
