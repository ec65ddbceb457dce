//! Keeps the ledger of spending in the store ahead of what requests spend.

use crate::clock;
use crate::domain::{LedgerEntry, LedgerMode, Money};
use crate::engine::EngineHandle;
use crate::store::{LedgerRow, Store};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Time between two renewals of the leases, unless a request wants one sooner.
const RENEWAL: Duration = Duration::from_millis(250);
/// Time after which requests wait no longer for a ledger that does not answer.
const PATIENCE: Duration = Duration::from_millis(250);
/// Time for the last entries at a stop.
const CLOSING: Duration = Duration::from_secs(5);

/// Writes the ledger.
#[derive(Debug)]
pub(super) struct LedgerTask {
    store: Store,
    handle: EngineHandle,
    /// Spent and leased, by budget and period, as the ledger has them.
    written: BTreeMap<(String, String), (Money, Money)>,
}

impl LedgerTask {
    pub(super) fn new(store: Store, handle: EngineHandle) -> Self {
        Self {
            store,
            handle,
            written: BTreeMap::new(),
        }
    }

    /// Runs until cancelled; then gives all leases back. Without a store it does nothing.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        if !self.store.is_on() {
            return;
        }
        let mut renewal = interval(RENEWAL);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_restored = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.handle.ledger_signal().wanted() => {}
                _ = renewal.tick() => {}
            }
            // Without what earlier processes spent, entries would say nothing wrong, but leases would
            // allow too much.
            is_restored = is_restored || self.restore().await;
            if is_restored {
                self.write().await;
            }
        }
        if is_restored {
            self.close().await;
        }
    }

    /// Adds what earlier processes spent; returns false if the store cannot be read now.
    async fn restore(&self) -> bool {
        let now = clock::now();
        let budgets = &self.handle.routing_table().budgets;
        let mut amounts = Vec::new();
        for period in budgets.current_periods(now) {
            let Ok(rows) = self.store.load_ledger(&period).await else {
                return false;
            };
            let others = rows.into_iter().filter(|(instance, row)| {
                instance != self.store.instance() || row.epoch != self.store.epoch()
            });
            amounts.extend(others.map(|(_, row)| {
                let spent = row.spent_pico.saturating_add(row.leased_pico);
                (row.budget, row.period, Money::from_pico(spent))
            }));
        }
        budgets.restore_earlier(amounts, now);
        budgets.set_ledger_mode(LedgerMode::On);
        true
    }

    async fn write(&mut self) {
        let now = clock::now();
        let budgets = &self.handle.routing_table().budgets;
        let mut entries = budgets.ledger_entries(now);
        entries.retain(|entry| self.written.get(&key(entry)) != Some(&amounts(entry)));
        if entries.is_empty() {
            return;
        }
        if self.write_rows(&entries).await {
            for entry in &entries {
                entry.confirm();
                self.written.insert(key(entry), amounts(entry));
            }
            budgets.set_ledger_mode(LedgerMode::On);
            self.handle.ledger_signal().written();
        }
        self.forget_old_periods(now);
    }

    /// Writes entries; until a slow write is done, requests do not wait for it.
    async fn write_rows(&self, entries: &[LedgerEntry]) -> bool {
        let mut write = std::pin::pin!(self.store.write_ledger(self.rows(entries)));
        let result = timeout(PATIENCE, write.as_mut()).await;
        if matches!(result, Ok(Ok(()))) {
            return true;
        }
        let budgets = &self.handle.routing_table().budgets;
        budgets.set_ledger_mode(LedgerMode::Away);
        self.handle.ledger_signal().written();
        match result {
            Ok(_failed) => false,
            Err(_still_under_way) => write.await.is_ok(),
        }
    }

    /// Writes what was spent, without leases.
    async fn close(&self) {
        let budgets = &self.handle.routing_table().budgets;
        let entries = budgets.closing_entries(clock::now());
        if !entries.is_empty() {
            let write = self.store.write_ledger(self.rows(&entries));
            if !matches!(timeout(CLOSING, write).await, Ok(Ok(()))) {
                tracing::warn!("the ledger was not closed; open leases count as spent");
            }
        }
    }

    fn forget_old_periods(&mut self, now: crate::domain::UnixTime) {
        let budgets = &self.handle.routing_table().budgets;
        if self.written.len() > 2 * budgets.ledger_entries_max() {
            let current = budgets.current_periods(now);
            self.written
                .retain(|(_, period), _| current.contains(period));
        }
    }

    fn rows(&self, entries: &[LedgerEntry]) -> Vec<LedgerRow> {
        let at = clock::now();
        let row = |entry: &LedgerEntry| LedgerRow {
            epoch: self.store.epoch(),
            budget: entry.budget.clone(),
            period: entry.period.clone(),
            spent_pico: entry.spent.pico(),
            leased_pico: entry.leased.pico(),
            at,
        };
        entries.iter().map(row).collect()
    }
}

fn key(entry: &LedgerEntry) -> (String, String) {
    (entry.budget.clone(), entry.period.clone())
}

fn amounts(entry: &LedgerEntry) -> (Money, Money) {
    (entry.spent, entry.leased)
}
