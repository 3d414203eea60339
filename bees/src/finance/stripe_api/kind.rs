//! Kinds of objects that the finance bee reads at Stripe.

use serde::{Deserialize, Serialize};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `cus_…`
    Customers,
    /// `sub_…`
    Subscriptions,
    /// `in_…`
    Invoices,
    /// `pi_…`
    PaymentIntents,
    /// `re_…`
    Refunds,
    /// `dp_…`
    Disputes,
    /// `sub_sched_…`
    Schedules,
}

impl Kind {
    /// Every kind, those first that others refer to.
    pub const ALL: [Self; 7] = [
        Self::Customers,
        Self::Subscriptions,
        Self::Invoices,
        Self::PaymentIntents,
        Self::Refunds,
        Self::Disputes,
        Self::Schedules,
    ];

    /// Returns the word in arguments, reports and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Subscriptions => "subscriptions",
            Self::Invoices => "invoices",
            Self::PaymentIntents => "payment_intents",
            Self::Refunds => "refunds",
            Self::Disputes => "disputes",
            Self::Schedules => "schedules",
        }
    }

    /// Returns the last segment of the path of its list.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Schedules => "subscription_schedules",
            other => other.as_str(),
        }
    }

    /// Returns the word in the field `object` of its objects.
    pub fn object(self) -> &'static str {
        match self {
            Self::Customers => "customer",
            Self::Subscriptions => "subscription",
            Self::Invoices => "invoice",
            Self::PaymentIntents => "payment_intent",
            Self::Refunds => "refund",
            Self::Disputes => "dispute",
            Self::Schedules => "subscription_schedule",
        }
    }

    /// Returns the name of the permission in Stripe's dashboard that lets a restricted key read it.
    pub fn permission(self) -> &'static str {
        match self {
            Self::Customers => "Customers: Read",
            Self::Subscriptions | Self::Schedules => "Subscriptions: Read",
            Self::Invoices => "Invoices: Read",
            Self::PaymentIntents => "PaymentIntents: Read",
            Self::Refunds => "Charges and Refunds: Read",
            Self::Disputes => "Disputes: Read",
        }
    }

    /// Returns the kind with Stripe's name of its objects.
    pub fn of_object(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.object() == name)
    }

    /// Returns the kind of an object by its id.
    pub fn of_id(id: &str) -> Option<Self> {
        // The longer prefix first: a schedule's id begins as a subscription's does.
        const PREFIXES: [(&str, Kind); 9] = [
            ("sub_sched_", Kind::Schedules),
            ("sub_", Kind::Subscriptions),
            ("cus_", Kind::Customers),
            ("in_", Kind::Invoices),
            ("pi_", Kind::PaymentIntents),
            ("re_", Kind::Refunds),
            ("pyr_", Kind::Refunds),
            ("dp_", Kind::Disputes),
            ("du_", Kind::Disputes),
        ];
        PREFIXES.iter().find(|(prefix, _)| id.starts_with(prefix)).map(|(_, kind)| *kind)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_kind() {
        assert_eq!(Kind::of_id("sub_sched_1"), Some(Kind::Schedules));
        assert_eq!(Kind::of_id("sub_1"), Some(Kind::Subscriptions));
        assert_eq!(Kind::of_id("du_1"), Some(Kind::Disputes));
        assert_eq!(Kind::of_id("ch_1"), None);
    }

    #[test]
    fn the_word_is_the_one_in_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
