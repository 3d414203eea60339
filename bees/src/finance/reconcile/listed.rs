//! Ids that Stripe's list of a kind had, to tell the rows that it lacks.

use std::hash::{BuildHasher as _, RandomState};

use crate::finance::limits::LISTED_MAX;

/// The ids of one kind, as hashes: of a million ids, two have the same in one run of thirty million.
#[derive(Default)]
pub(super) struct Listed {
    hasher: RandomState,
    hashes: Vec<u64>,
    is_over: bool,
}

impl Listed {
    /// Adds an id.
    pub(super) fn add(&mut self, id: &str) {
        if self.hashes.len() < LISTED_MAX {
            self.hashes.push(self.hasher.hash_one(id));
        } else {
            self.is_over = true;
        }
    }

    /// Ends the list, and leaves room for the next kind's; `None` if it had more ids than are remembered.
    pub(super) fn take(&mut self) -> Option<Self> {
        let mut whole = std::mem::take(self);
        whole.hashes.sort_unstable();
        (!whole.is_over).then_some(whole)
    }

    /// Returns true if the list had this id.
    pub(super) fn has(&self, id: &str) -> bool {
        self.hashes.binary_search(&self.hasher.hash_one(id)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_has_ended_knows_its_ids_and_leaves_none_to_the_next() {
        let mut listed = Listed::default();
        for id in ["sub_1", "sub_2", "sub_1"] {
            listed.add(id);
        }
        let whole = listed.take().unwrap();
        assert!(whole.has("sub_1") && whole.has("sub_2") && !whole.has("sub_3"));
        assert!(!listed.take().unwrap().has("sub_1"));
    }
}
