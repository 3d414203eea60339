//! The relations of the state of record that an old table can be compared with.

/// A relation of the state of record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// Name in the mapping file.
    pub(super) name: &'static str,
    /// The table or view, in the schema `public`.
    pub(super) relation: &'static str,
    /// Column of the object's id.
    pub(super) id: &'static str,
    /// The table with the object's own row; the same as `relation`, unless that is a view.
    pub(super) base: &'static str,
}

impl Source {
    /// Returns true if the relation is a view over the base.
    pub(super) fn is_view(&self) -> bool {
        self.relation != self.base
    }
}

const fn table(name: &'static str, relation: &'static str) -> Source {
    Source { name, relation, id: "id", base: relation }
}

/// Every relation.
pub(super) static SOURCES: [Source; 10] = [
    Source {
        name: "subscription_access",
        relation: "subscription_access",
        id: "subscription_id",
        base: "stripe_subscriptions",
    },
    table("subscriptions", "stripe_subscriptions"),
    table("customers", "stripe_customers"),
    table("invoices", "stripe_invoices"),
    table("payments", "stripe_payments"),
    table("charges", "stripe_charges"),
    table("checkouts", "stripe_checkouts"),
    table("refunds", "stripe_refunds"),
    table("disputes", "stripe_disputes"),
    table("schedules", "stripe_schedules"),
];
