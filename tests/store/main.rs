//! The store contract, on each back-end.
