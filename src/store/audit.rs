//! Adds to the audit log: who did or tried what, each entry bound to the one before it by a hash.

use super::audit_chain::{AuditChain, AuditEntry, ChainEnd};
use super::audit_log::entry_hash;
use super::error::StoreError;
use super::record::{AuditRow, Record};
use super::selection_audit::SELECTION;
use super::store::Store;
use crate::clock;
use crate::domain::UnixTime;
use std::sync::PoisonError;

/// Entries that wait until the end of the chain is read; more are counted as dropped.
const MAX_WAITING: usize = 1_000;
/// Longest text of a field, in bytes.
const MAX_TEXT: usize = 8_192;

impl Store {
    /// Adds an entry. Never waits for the database.
    pub fn audit(&self, entry: AuditEntry) {
        let Some(chain) = self.audit_chain() else {
            return;
        };
        let mut chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that the order of times is the order of the chain.
        let now = clock::now();
        match &mut *chain {
            AuditChain::Unknown(waiting) if waiting.len() < MAX_WAITING => {
                waiting.push((entry, now));
            }
            AuditChain::Unknown(_) => self.count_dropped_audit(),
            AuditChain::At(end) => self.append(end, entry, now),
        }
    }

    /// Reads the end of the chain, and adds what waits for it.
    pub(super) async fn continue_audit(&self) -> Result<(), StoreError> {
        let sql = "SELECT hash FROM audit WHERE instance = $1 ORDER BY seq DESC LIMIT 1";
        let rows = self
            .database()?
            .fetch(sql, vec![self.instance().into()])
            .await?;
        let mut end = ChainEnd::default();
        if let Some(row) = rows.first() {
            end.hash = row.string(0)?;
        }
        let Some(chain) = self.audit_chain() else {
            return Ok(());
        };
        let mut chain = chain.lock().unwrap_or_else(PoisonError::into_inner);
        if let AuditChain::Unknown(waiting) = &mut *chain {
            for (entry, at) in std::mem::take(waiting) {
                self.append(&mut end, entry, at);
            }
            *chain = AuditChain::At(end);
        }
        Ok(())
    }

    /// Adds an entry at the end, under the lock of the chain: the order of numbers is the order of the
    /// chain. Without room it is not part of the chain, and the next one is preceded by one that says
    /// so: what was lost never looks like something removed.
    fn append(&self, end: &mut ChainEnd, entry: AuditEntry, at: UnixTime) {
        if !self.has_audit_room(entry.action == SELECTION) {
            end.lost += 1;
            self.count_dropped_audit();
            return;
        }
        let lost = std::mem::take(&mut end.lost);
        if lost > 0 {
            let note = AuditEntry {
                actor: "aibal-tui".to_owned(),
                origin: "local".to_owned(),
                action: "audit.lost",
                subject: "audit log".to_owned(),
                is_done: true,
                reason: format!("{lost} entries are lost, because the store did not write"),
                ..AuditEntry::default()
            };
            self.append_row(end, note, at);
        }
        self.append_row(end, entry, at);
    }

    fn append_row(&self, end: &mut ChainEnd, entry: AuditEntry, at: UnixTime) {
        let mut row = AuditRow {
            sequence: self.next_sequence(),
            at,
            actor: shortened(entry.actor),
            origin: shortened(entry.origin),
            action: entry.action.to_owned(),
            subject: shortened(entry.subject),
            outcome: if entry.is_done { "ok" } else { "refused" }.to_owned(),
            reason: shortened(entry.reason),
            before: shortened(entry.before),
            after: shortened(entry.after),
            previous: std::mem::take(&mut end.hash),
            hash: String::new(),
        };
        row.hash = entry_hash(self.instance(), &row);
        end.hash.clone_from(&row.hash);
        self.record(Record::Audit(Box::new(row)));
    }
}

fn shortened(mut text: String) -> String {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
    // PostgreSQL stores no text with this character.
    text.replace('\0', "\u{fffd}")
}
