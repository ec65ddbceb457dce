//! Limit on the bytes that are held at once, of which no client gets more than a fair share: a client
//! holds at most as much as it leaves free, by its token and by its address. So one client can take
//! half of all, two a third each, and there is always room for the next one.

use crate::domain::Limiter;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Who holds the bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Token(Arc<str>),
    /// `None` for a peer without an address.
    Address(Option<IpAddr>),
}

/// Holders that are remembered before those that hold nothing are forgotten.
const HOLDERS_BEFORE_CLEANING: usize = 256;

/// Bytes held at once; clones share them.
#[derive(Debug, Clone)]
pub struct FairBudget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: Limiter,
    max_total: u64,
    holders: Mutex<BTreeMap<Holder, Weak<Limiter>>>,
}

impl FairBudget {
    /// Allows `max_total` bytes of all clients together.
    pub(super) fn new(max_total: usize) -> Self {
        Self(Arc::new(Shared {
            total: Limiter::default(),
            max_total: max_total as u64,
            holders: Mutex::default(),
        }))
    }

    /// Whether more than half is held.
    pub(super) fn is_short(&self) -> bool {
        self.0.total.in_use() > self.0.max_total / 2
    }

    /// The share of a client, by its token and its address.
    pub(super) fn share(&self, token: &Arc<str>, address: Option<IpAddr>) -> ClientShare {
        ClientShare {
            budget: self.clone(),
            token: Arc::clone(token),
            address,
            held: OnceLock::new(),
        }
    }

    fn held_by(&self, holder: Holder) -> Arc<Limiter> {
        let mut holders = self
            .0
            .holders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = holders.get(&holder).and_then(Weak::upgrade) {
            return held;
        }
        if holders.len() >= HOLDERS_BEFORE_CLEANING {
            holders.retain(|_, held| held.strong_count() > 0);
        }
        let held = Arc::default();
        holders.insert(holder, Arc::downgrade(&held));
        held
    }
}

/// The share of one request's client. Only its first reservation takes a lock.
#[derive(Debug, Clone)]
pub(super) struct ClientShare {
    budget: FairBudget,
    token: Arc<str>,
    address: Option<IpAddr>,
    /// What the token and the address hold.
    held: OnceLock<[Arc<Limiter>; 2]>,
}

impl ClientShare {
    /// Begins an item without bytes.
    pub fn reservation(&self) -> FairReservation {
        let held = self.held.get_or_init(|| {
            [
                self.budget.held_by(Holder::Token(Arc::clone(&self.token))),
                self.budget.held_by(Holder::Address(self.address)),
            ]
        });
        FairReservation {
            budget: self.budget.clone(),
            held: held.clone(),
            bytes: 0,
        }
    }
}

/// The bytes of one item, given back on drop.
#[derive(Debug)]
pub(super) struct FairReservation {
    budget: FairBudget,
    held: [Arc<Limiter>; 2],
    bytes: u64,
}

impl FairReservation {
    /// Raises the item to `bytes`; false, and nothing changes, where that is more than the client's
    /// share or than all may hold.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let more = (bytes as u64).saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let shared = &self.budget.0;
        let total = shared.total.reserve(more) + more;
        let mut fits = total <= shared.max_total;
        for held in &self.held {
            let own = held.reserve(more) + more;
            let free = shared.max_total.saturating_sub(total);
            fits &= own <= free;
        }
        self.bytes += more;
        if !fits {
            self.release(more);
        }
        fits
    }

    /// Counts the item's bytes until their last copy is dropped.
    pub fn hold(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(HeldBytes {
            bytes,
            _reservation: self,
        })
    }

    fn release(&mut self, bytes: u64) {
        self.budget.0.total.release(bytes);
        self.held.iter().for_each(|held| held.release(bytes));
        self.bytes -= bytes;
    }
}

impl Drop for FairReservation {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

/// Bytes with their reservation.
struct HeldBytes {
    bytes: Bytes,
    _reservation: FairReservation,
}

impl AsRef<[u8]> for HeldBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Takes pieces of 10 bytes until there is no room.
    fn fill(share: &ClientShare) -> (usize, Vec<FairReservation>) {
        let mut taken = Vec::new();
        loop {
            let mut piece = share.reservation();
            if !piece.try_grow(10) {
                return (taken.len() * 10, taken);
            }
            taken.push(piece);
        }
    }

    #[test]
    fn one_client_leaves_room_for_others_by_its_token_and_its_address() {
        let budget = FairBudget::new(1_200);
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let (bytes, first) = fill(&budget.share(&a, Some(address(1))));
        assert_eq!(bytes, 600, "half of all");
        assert_eq!(
            fill(&budget.share(&a, Some(address(2)))).0,
            0,
            "the same token"
        );
        assert_eq!(
            fill(&budget.share(&b, Some(address(1)))).0,
            0,
            "the same address"
        );
        let (bytes, second) = fill(&budget.share(&b, Some(address(2))));
        assert_eq!(bytes, 300, "half of the rest");
        drop(first);
        assert!(fill(&budget.share(&a, Some(address(1)))).0 >= 400);
        drop(second);
        assert_eq!(budget.0.total.in_use(), 0);
    }

    #[test]
    fn held_bytes_count_until_their_last_copy_is_dropped() {
        let budget = FairBudget::new(100);
        let share = budget.share(&"a".into(), None);
        let mut reservation = share.reservation();
        assert!(reservation.try_grow(40));
        let held = reservation.hold(Bytes::from_static(&[7; 40]));
        let copy = held.slice(1..3);
        assert_eq!((held.len(), &copy[..]), (40, &[7, 7][..]));
        assert!(!share.reservation().try_grow(40));
        drop(held);
        assert_eq!(budget.0.total.in_use(), 40);
        drop(copy);
        assert_eq!(budget.0.total.in_use(), 0);
    }

    #[test]
    fn holders_of_nothing_are_forgotten() {
        let budget = FairBudget::new(100);
        for number in 0..2_000_u32 {
            let share = budget.share(&number.to_string().into(), None);
            assert!(share.reservation().try_grow(1));
        }
        let holders = budget.0.holders.lock().unwrap().len();
        assert!(holders <= HOLDERS_BEFORE_CLEANING + 1, "{holders}");
    }
}
