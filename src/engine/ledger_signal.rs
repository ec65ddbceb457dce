//! Where requests wait until the ledger knows what they reserved.

use crate::domain::BudgetReservation;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::Notify;

/// Longest time that a request waits for the ledger. A slower ledger is slow for all, and must not
/// make the gateway slow.
const PATIENCE: Duration = Duration::from_millis(20);

/// Signals between requests and the task that writes the ledger.
#[derive(Debug, Default)]
pub struct LedgerSignal {
    wanted: Notify,
    written: Notify,
}

impl LedgerSignal {
    /// Waits until the ledger knows a reservation, for a short time. Usually it knows it already.
    pub async fn covered(&self, reservation: &BudgetReservation) {
        if reservation.is_covered() {
            return;
        }
        let mut patience = pin!(tokio::time::sleep(PATIENCE));
        loop {
            let mut written = pin!(self.written.notified());
            written.as_mut().enable();
            // What was written before is seen now, and what comes later wakes.
            if reservation.is_covered() {
                return;
            }
            self.wanted.notify_one();
            tokio::select! {
                () = written => {}
                () = &mut patience => return,
            }
        }
    }

    /// Waits until a request wants a longer lease.
    pub async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Wakes the requests that wait.
    pub fn written(&self) {
        self.written.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BudgetConfig, Budgets, LedgerMode, Money, UnixTime};
    use std::sync::Arc;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_564_790);

    fn uncovered() -> (Arc<Budgets>, BudgetReservation) {
        let config = BudgetConfig {
            per_day: Some(Money::from_usd(1.0)),
            ..BudgetConfig::default()
        };
        let budgets = Arc::new(Budgets::new(&config, NOW));
        budgets.set_ledger_mode(LedgerMode::On);
        let scope = budgets.scope_of(None);
        let amount = Money::from_usd(0.1);
        let reservation = scope.reserve(Some(amount), amount, true, ("a", NOW));
        (budgets, reservation.expect("it fits"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_ledger_but_not_for_long() {
        let (_budgets, reservation) = uncovered();
        let begun = tokio::time::Instant::now();
        LedgerSignal::default().covered(&reservation).await;
        assert_eq!(begun.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_goes_on_once_its_lease_is_written() {
        let (budgets, reservation) = uncovered();
        let signal = LedgerSignal::default();
        let begun = tokio::time::Instant::now();
        let write = async {
            signal.wanted().await;
            tokio::time::sleep(Duration::from_millis(3)).await;
            for entry in budgets.ledger_entries(NOW) {
                entry.confirm();
            }
            signal.written();
        };
        tokio::join!(write, signal.covered(&reservation));
        assert_eq!(begun.elapsed(), Duration::from_millis(3));
        signal.covered(&reservation).await;
    }
}
