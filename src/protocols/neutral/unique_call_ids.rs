//! Ids of calls that are unique in their conversation. Some servers number the calls of every answer
//! anew, or give two calls one id; then clients cannot say which call a result belongs to.

use std::collections::HashSet;

/// The ids that are taken.
#[derive(Debug, Default)]
pub(super) struct UniqueCallIds {
    taken: HashSet<String>,
    /// Part of new ids; unique to the response.
    response: String,
    renamed: usize,
}

impl UniqueCallIds {
    /// `taken` are the ids of the conversation so far.
    pub fn new(response: &str, taken: HashSet<String>) -> Self {
        Self {
            taken,
            response: response.to_owned(),
            renamed: 0,
        }
    }

    /// Returns the id itself, or another one where it is taken.
    pub fn unique(&mut self, id: String) -> String {
        if self.taken.insert(id.clone()) {
            return id;
        }
        loop {
            let own = format!("call_{}_r{}", self.response, self.renamed);
            self.renamed += 1;
            if self.taken.insert(own.clone()) {
                return own;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_taken_is_replaced() {
        let mut ids = UniqueCallIds::new("7", HashSet::from(["call_0".to_owned()]));
        let unique = ["call_0", "a", "a", "call_7_r2"].map(|id| ids.unique(id.to_owned()));
        assert_eq!(unique, ["call_7_r0", "a", "call_7_r1", "call_7_r2"]);
        assert_eq!(ids.unique("a".to_owned()), "call_7_r3");
    }
}
