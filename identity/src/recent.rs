//! A bounded memory of what was added recently.

use std::collections::HashMap;
use std::hash::Hash;

/// Map in two generations: when the recent one is full, it becomes the older one, and the older one is forgotten. So each entry stays
/// until half of what the map holds was added after it, and no addition has to look for the oldest.
pub struct RecentMap<K, V> {
    recent: HashMap<K, Entry<V>>,
    older: HashMap<K, Entry<V>>,
    /// The size of the recent generation.
    size: usize,
    size_max: usize,
}

struct Entry<V> {
    value: V,
    size: usize,
}

impl<K: Eq + Hash, V> RecentMap<K, V> {
    /// Creates a map whose entries have at most this size together.
    pub fn new(size_max: usize) -> Self {
        Self { recent: HashMap::new(), older: HashMap::new(), size: 0, size_max }
    }

    /// Adds an entry of this size, or replaces the one that has the key.
    pub fn add(&mut self, key: K, value: V, size: usize) {
        if self.size.saturating_add(size) > self.size_max / 2 {
            self.older = std::mem::take(&mut self.recent);
            self.size = 0;
        }
        self.size = self.size.saturating_add(size);
        if let Some(replaced) = self.recent.insert(key, Entry { value, size }) {
            self.size = self.size.saturating_sub(replaced.size);
        }
    }

    /// Returns the entry with this key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.recent.get(key).or_else(|| self.older.get(key)).map(|entry| &entry.value)
    }

    /// Forgets an entry.
    pub fn remove(&mut self, key: &K) {
        if let Some(removed) = self.recent.remove(key) {
            self.size = self.size.saturating_sub(removed.size);
        }
        self.older.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 10;

    #[test]
    fn it_is_bounded_and_keeps_the_recent_half() {
        let mut map = RecentMap::new(MAX);
        for number in 0..100_usize {
            map.add(number, number, 1);
            assert!((0..=number).filter(|known| map.get(known).is_some()).count() <= MAX);
            let kept = number.saturating_sub(MAX / 2 - 1)..=number;
            assert!(kept.clone().all(|known| map.get(&known) == Some(&known)), "{kept:?}");
        }
    }

    #[test]
    fn what_is_replaced_or_removed_takes_no_room() {
        let mut map = RecentMap::new(MAX);
        map.add('a', 0, 1);
        for number in 0..100 {
            map.add('b', number, 2);
            map.add('c', number, 2);
            map.remove(&'c');
        }
        assert_eq!((map.get(&'a'), map.get(&'b'), map.get(&'c')), (Some(&0), Some(&99), None));
        // Also if both generations have it.
        (0..3).for_each(|number| map.add('d', number, 4));
        assert_eq!(map.get(&'d'), Some(&2));
        map.remove(&'d');
        assert_eq!(map.get(&'d'), None);
    }
}
