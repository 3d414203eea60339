//! Whose fault a failure is. Bees, adapters, the SDK and the CLI ask here, and nothing else decides.

/// Whose fault a failure is, and so what becomes of the document that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// This very document is refused, by a code that says so: final.
    Document,
    /// The key, the quota, the tables, the network or a proxy: the document waits without an end and without spending retries, and
    /// an operator is told.
    Surroundings,
    /// Somebody was in the way for a moment: try again, now or soon.
    Again,
}
