//! Ids of tool calls, for clients that name calls and results by their functions only.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The ids of a conversation's calls. Where the client states none they are made, and results are
/// matched to calls by name and order.
#[derive(Debug, Default)]
pub struct CallIds {
    /// Ids by function name, in the order of the calls.
    by_name: BTreeMap<String, VecDeque<String>>,
    /// All ids in the order of the calls.
    in_order: VecDeque<String>,
    /// Ids of calls that have a result.
    answered: BTreeSet<String>,
    all: BTreeSet<String>,
    /// The number of the next id that is made.
    next: usize,
}

impl CallIds {
    /// Returns the id of a new call: the client's own, if no call before has it.
    pub fn call(&mut self, own: Option<String>, name: &str) -> String {
        let own = own.filter(|id| !id.is_empty() && !self.all.contains(id));
        let id = own.unwrap_or_else(|| self.new_id());
        self.all.insert(id.clone());
        let of_name = self.by_name.entry(name.to_owned()).or_default();
        of_name.push_back(id.clone());
        self.in_order.push_back(id.clone());
        id
    }

    /// Returns the id of the call that a result belongs to. Without an id it is the first call of the
    /// function that has no result yet; without a name the first of any function.
    pub fn result(&mut self, own: Option<String>, name: Option<&str>) -> String {
        let own = own.filter(|id| !id.is_empty());
        let id = own.or_else(|| self.oldest(name));
        let id = id.unwrap_or_else(|| self.new_id());
        self.answered.insert(id.clone());
        id
    }

    fn oldest(&mut self, name: Option<&str>) -> Option<String> {
        let calls = match name {
            Some(name) => self.by_name.get_mut(name)?,
            None => &mut self.in_order,
        };
        while let Some(id) = calls.pop_front() {
            if !self.answered.contains(&id) {
                return Some(id);
            }
        }
        None
    }

    fn new_id(&mut self) -> String {
        self.next = self.next.max(self.all.len());
        loop {
            let id = format!("call_{}", self.next);
            self.next += 1;
            if !self.all.contains(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_without_ids_answer_the_calls_in_order() {
        let mut ids = CallIds::default();
        let first = ids.call(None, "a");
        let second = ids.call(Some("own".to_owned()), "a");
        let third = ids.call(Some("own".to_owned()), "b");
        assert_eq!(second, "own");
        assert_ne!(third, "own", "an id stands for one call");

        assert_eq!(ids.result(None, Some("a")), first);
        assert_eq!(ids.result(Some("own".to_owned()), Some("a")), "own");
        assert_eq!(ids.result(None, None), third);
        assert_ne!(
            ids.result(None, Some("a")),
            first,
            "each call has one result"
        );
    }
}
