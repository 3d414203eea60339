//! The Merkle tree of a batch (RFC 6962, section 2.1), over the signed encodings of its documents.

use sha2::{Digest as _, Sha256};

/// Hash of a leaf or a node.
pub(crate) type Hash = [u8; 32];

/// Returns the hash of a document, from the parts of its signed encoding.
pub(crate) fn leaf(parts: [&[u8]; 2]) -> Hash {
    // RFC 6962 begins leaves with 0 and nodes with 1, or a node could be passed off as a document.
    let mut hash = Sha256::new_with_prefix([0]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Tree over the hashes of a batch, whole.
pub(crate) struct Tree {
    /// The leaves, then each level above, up to the root alone.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Builds the tree. There is at least one leaf.
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            // A node without a sibling moves up as it is, which gives the same tree as RFC 6962's recursion.
            let above = level.chunks(2).map(|pair| match pair {
                [left, right] => node(left, right),
                _ => pair[0],
            });
            let above = above.collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Returns the hashes of the documents.
    pub(crate) fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Returns the hash over all documents.
    pub(crate) fn root(&self) -> Hash {
        // The last level has the root alone; without leaves there is nothing to sign.
        self.levels.last().and_then(|level| level.first()).copied().unwrap_or_default()
    }

    /// Returns the inclusion path of a leaf: its siblings from the bottom up.
    pub(crate) fn path(&self, index: usize) -> impl Iterator<Item = &Hash> {
        self.levels.iter().enumerate().filter_map(move |(height, level)| level.get((index >> height) ^ 1))
    }
}

/// Returns the root that a path leads to (RFC 9162, section 2.1.3.2); `None` if leaf `index` of `size` has no path of this length.
pub(crate) fn root_of<'a>(leaf: Hash, index: u32, size: u32, path: impl IntoIterator<Item = &'a Hash>) -> Option<Hash> {
    let (mut place, mut last, mut root) = (index, size.checked_sub(1)?, leaf);
    if place > last {
        return None;
    }
    for sibling in path {
        if last == 0 {
            return None;
        }
        if place % 2 == 1 || place == last {
            root = node(sibling, &root);
            // The levels on which this node had no sibling.
            let levels = place.trailing_zeros().min(31);
            (place, last) = (place >> levels, last >> levels);
        } else {
            root = node(&root, sibling);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inputs and roots that Certificate Transparency's reference implementation publishes.
    const INPUTS: [&str; 8] =
        ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    const ROOTS: [&str; 8] = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves(count: usize) -> Vec<Hash> {
        INPUTS[..count].iter().map(|input| leaf([&hex::decode(input).unwrap(), &[]])).collect()
    }

    #[test]
    fn the_roots_are_those_of_rfc_6962() {
        for (count, root) in (1..).zip(ROOTS) {
            assert_eq!(hex::encode(Tree::new(leaves(count)).root()), root, "{count} leaves");
        }
    }

    #[test]
    fn every_leaf_of_every_size_is_proved_by_its_path_alone() {
        for size in 1..=70_u8 {
            let hashes: Vec<Hash> = (0..size).map(|number| leaf([&[number], &[]])).collect();
            let tree = Tree::new(hashes.clone());
            for (index, hash) in (0..).zip(&hashes) {
                let path: Vec<&Hash> = tree.path(index as usize).collect();
                let reached = |index, size, path: &[&Hash]| root_of(*hash, index, size, path.iter().copied());
                assert_eq!(reached(index, u32::from(size), &path), Some(tree.root()), "leaf {index} of {size}");
                assert!(size == 1 || reached(index ^ 1, u32::from(size), &path) != Some(tree.root()), "elsewhere");
                assert_eq!(reached(index, u32::from(size), &[&path[..], &[hash]].concat()), None, "too long");
                assert_eq!(path.split_last().and_then(|(_, short)| reached(index, u32::from(size), short)), None);
                assert_eq!(reached(u32::from(size), u32::from(size), &path), None, "beyond the last");
            }
        }
    }
}
