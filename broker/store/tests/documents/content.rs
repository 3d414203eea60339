//! Made-up arguments and outputs.

use apiary_identity::OutcomeKind;
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::believable::Maker;

/// Words of business and engineering, for sentences.
pub(crate) const WORDS: [&str; 96] = [
    "account",
    "active",
    "address",
    "amount",
    "annual",
    "archive",
    "balance",
    "batch",
    "billing",
    "bucket",
    "cancel",
    "canceled",
    "charge",
    "check",
    "client",
    "company",
    "complete",
    "contract",
    "country",
    "credit",
    "currency",
    "customer",
    "daily",
    "database",
    "default",
    "delete",
    "delivery",
    "details",
    "discount",
    "document",
    "due",
    "email",
    "error",
    "expired",
    "export",
    "failed",
    "file",
    "fixed",
    "history",
    "import",
    "index",
    "interest",
    "invoice",
    "item",
    "language",
    "limit",
    "line",
    "message",
    "method",
    "missing",
    "monthly",
    "notice",
    "number",
    "order",
    "package",
    "paid",
    "payment",
    "pending",
    "period",
    "plan",
    "policy",
    "price",
    "product",
    "project",
    "quantity",
    "quarter",
    "receipt",
    "record",
    "refund",
    "region",
    "release",
    "reminder",
    "renewal",
    "report",
    "request",
    "resource",
    "schedule",
    "service",
    "session",
    "shipping",
    "source",
    "status",
    "storage",
    "store",
    "subscription",
    "success",
    "supplier",
    "table",
    "tax",
    "token",
    "total",
    "transfer",
    "trial",
    "update",
    "version",
    "weekly",
];

/// Returns an executor type, a function and arguments in JSON.
pub(crate) fn work(maker: &mut Maker) -> (&'static str, &'static str, String) {
    match maker.random.random_range(0..10) {
        0..3 => ("finance", "stripe.event", stripe_event(maker)),
        3 => {
            let id = maker.stripe("cus");
            let row = json!({ "table": "customers", "id": id, "email": email(maker), "updated_at": maker.now() });
            ("supabase", "row.upsert", row.to_string())
        }
        4 => {
            let image = format!("registry.example.com/{}:{}", maker.name(), maker.hex(6));
            let rules = json!(["secrets", "dependencies", "licenses"]);
            let scan = json!({ "image": image, "digest": format!("sha256:{}", maker.hex(32)), "rules": rules });
            ("security", "image.scan", scan.to_string())
        }
        5 => {
            let commit = maker.hex(20);
            let target = json!({ "repository": repository(maker), "commit": commit, "branch": "main", "depth": 1 });
            ("security", "repository.scan", target.to_string())
        }
        6 => {
            let key = format!("2026/11/{}/{}.tar.gz", maker.name(), maker.hex(16));
            let object = json!({ "bucket": "archive", "key": key, "bytes": bytes(maker), "sha256": maker.hex(32) });
            ("archive", "object.store", object.to_string())
        }
        7 => {
            let note = maker.sentence(24);
            let order = json!({ "id": number(maker), "total": number(maker), "currency": "eur", "note": note });
            ("orders", "order.process", order.to_string())
        }
        8 => {
            let (to, subject) = (email(maker), maker.sentence(5));
            let mail = json!({ "to": to, "subject": subject, "template": "invoice", "data": { "name": maker.name() } });
            ("mail", "mail.send", mail.to_string())
        }
        _ => {
            let text = maker.sentence(12);
            let user = maker.id();
            let ask = json!({ "user_id": user, "prompt": text, "model": "small", "max_tokens": 1024, "stream": false });
            ("worker", "text.summarize", ask.to_string())
        }
    }
}

fn stripe_event(maker: &mut Maker) -> String {
    let created = maker.second();
    let (kind, object) = match maker.random.random_range(0..5) {
        0 => {
            let verb = maker.choose(&["created", "updated", "deleted", "trial_will_end"]);
            (format!("customer.subscription.{verb}"), subscription(maker, created))
        }
        1 => ("checkout.session.completed".to_owned(), checkout(maker)),
        2 => {
            let verb = maker.choose(&["created", "updated", "deleted"]);
            (format!("customer.{verb}"), customer(maker, created))
        }
        _ => {
            let verb = maker.choose(&["paid", "finalized", "payment_failed", "payment_succeeded"]);
            (format!("invoice.{verb}"), invoice(maker, created))
        }
    };
    let event = json!({
        "id": maker.stripe("evt"), "object": "event", "api_version": "2025-03-31.basil", "created": created,
        "data": { "object": object }, "livemode": true, "pending_webhooks": 1,
        "request": { "id": maker.stripe("req"), "idempotency_key": maker.id() }, "type": kind,
    });
    // Stripe sends its events with line breaks.
    if maker.one_in(2) { serde_json::to_string_pretty(&event).unwrap() } else { event.to_string() }
}

fn subscription(maker: &mut Maker, created: i64) -> Value {
    let (status, price) = (maker.choose(&["active", "trialing", "past_due", "canceled"]), price(maker));
    let item = json!({
        "id": maker.stripe("si"), "object": "subscription_item", "created": created, "quantity": 1,
        "current_period_start": created, "current_period_end": created + 2_592_000, "metadata": {}, "price": price,
        "subscription": maker.stripe("sub"),
    });
    json!({
        "id": maker.stripe("sub"), "object": "subscription", "application": null, "automatic_tax": { "enabled": false },
        "billing_cycle_anchor": created, "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null,
        "collection_method": "charge_automatically", "created": created, "currency": "eur",
        "customer": maker.stripe("cus"), "days_until_due": null, "default_payment_method": maker.stripe("pm"),
        "description": null, "discounts": [], "ended_at": null,
        "items": { "object": "list", "data": [item], "has_more": false, "total_count": 1 },
        "latest_invoice": maker.stripe("in"), "livemode": true, "metadata": { "user_id": maker.id() },
        "pause_collection": null, "pending_update": null, "start_date": created, "status": status,
        "trial_end": null, "trial_start": null,
    })
}

fn price(maker: &mut Maker) -> Value {
    json!({
        "id": maker.stripe("price"), "object": "price", "active": true, "billing_scheme": "per_unit", "currency": "eur",
        "livemode": true, "lookup_key": null, "metadata": {}, "nickname": null, "product": maker.stripe("prod"),
        "recurring": { "interval": "month", "interval_count": 1, "usage_type": "licensed" },
        "tax_behavior": "unspecified", "type": "recurring", "unit_amount": number(maker),
    })
}

fn invoice(maker: &mut Maker, created: i64) -> Value {
    let (amount, line) = (number(maker), price(maker));
    json!({
        "id": maker.stripe("in"), "object": "invoice", "account_country": "DE", "amount_due": amount,
        "amount_paid": amount, "amount_remaining": 0, "attempt_count": 1, "attempted": true, "auto_advance": false,
        "billing_reason": maker.choose(&["subscription_cycle", "subscription_create", "subscription_update", "manual"]),
        "collection_method": "charge_automatically", "created": created, "currency": "eur",
        "customer": maker.stripe("cus"), "customer_email": email(maker), "customer_name": maker.name(),
        "description": null, "due_date": null, "ending_balance": 0,
        "hosted_invoice_url": format!("https://invoice.stripe.com/i/acct_1{}/live_{}", maker.name(), maker.hex(16)),
        "lines": { "object": "list", "data": [{ "id": maker.stripe("il"), "object": "line_item", "amount": amount,
            "currency": "eur", "description": maker.sentence(4), "period": { "end": created + 2_592_000, "start": created },
            "price": line, "quantity": 1 }], "has_more": false },
        "livemode": true, "metadata": {}, "number": format!("{}-0001", maker.hex(4).to_uppercase()), "paid": true,
        "parent": { "subscription_details": { "subscription": maker.stripe("sub") }, "type": "subscription_details" },
        "period_end": created, "period_start": created - 2_592_000, "status": maker.choose(&["paid", "open", "void"]),
        "subtotal": amount, "tax": null, "total": amount,
    })
}

fn checkout(maker: &mut Maker) -> Value {
    json!({
        "id": format!("cs_live_{}", maker.hex(24)), "object": "checkout.session", "amount_subtotal": number(maker),
        "amount_total": number(maker), "cancel_url": null, "client_reference_id": maker.id(), "currency": "eur",
        "customer": maker.stripe("cus"), "customer_details": { "email": email(maker), "name": maker.name(),
            "phone": null, "address": { "city": null, "country": "DE", "line1": null, "postal_code": null } },
        "invoice": maker.stripe("in"), "livemode": true, "metadata": {}, "mode": "subscription",
        "payment_method_types": ["card"], "payment_status": "paid", "status": "complete",
        "subscription": maker.stripe("sub"), "success_url": "https://www.example.com/success",
    })
}

fn customer(maker: &mut Maker, created: i64) -> Value {
    json!({
        "id": maker.stripe("cus"), "object": "customer", "address": null, "balance": 0, "created": created,
        "currency": "eur", "default_source": null, "delinquent": false, "description": null, "discount": null,
        "email": email(maker), "invoice_prefix": maker.hex(4).to_uppercase(), "livemode": true,
        "metadata": { "user_id": maker.id() }, "name": maker.name(), "phone": null, "preferred_locales": ["de"],
        "shipping": null, "tax_exempt": "none",
    })
}

/// Returns an output in JSON; empty for none.
pub(crate) fn output(maker: &mut Maker) -> String {
    match maker.random.random_range(0..8) {
        0..2 => String::new(),
        2 => json!({ "customer": maker.stripe("cus"), "applied": true, "event": maker.stripe("evt") }).to_string(),
        3 => json!({ "status": "ok", "rows": number(maker), "duration_ms": number(maker) }).to_string(),
        4 => {
            let finding = json!({ "id": format!("CVE-2026-{}", number(maker)), "severity": "high", "package": maker.name(),
                "version": "1.2.3", "fixed_in": "1.2.4", "title": maker.sentence(6) });
            json!({ "findings": [finding], "scanned": number(maker), "passed": false }).to_string()
        }
        5 => json!({ "sha256": maker.hex(32), "bytes": bytes(maker), "etag": maker.hex(16) }).to_string(),
        6 => json!({ "text": maker.sentence(20), "tokens": number(maker) }).to_string(),
        _ => maker.choose(&["true", "null", "\"ok\"", "{\"ok\":true}", "{\"status\":\"done\"}"]).to_owned(),
    }
}

/// Returns a kind of failure, and its words.
pub(crate) fn failure(maker: &mut Maker) -> (OutcomeKind, String) {
    let number = number(maker);
    match maker.random.random_range(0..4) {
        0 => (OutcomeKind::FailedRetryable, format!("connection refused (os error 111) after {number} ms")),
        1 => (OutcomeKind::FailedRetryable, "HTTP 503 Service Unavailable: try again later".to_owned()),
        2 => (OutcomeKind::FailedFinal, format!("invalid arguments: missing field `{}` at line 1", maker.name())),
        _ => (OutcomeKind::FailedFinal, format!("HTTP 404 Not Found: no such {}", maker.sentence(2))),
    }
}

fn email(maker: &mut Maker) -> String {
    format!("{}@{}", maker.name(), maker.choose(&["example.com", "gmail.com", "example.org", "outlook.com"]))
}

fn repository(maker: &mut Maker) -> String {
    format!("https://github.com/{}/{}.git", maker.name(), maker.name())
}

fn number(maker: &mut Maker) -> u32 {
    maker.random.random_range(1..100_000)
}

fn bytes(maker: &mut Maker) -> u64 {
    maker.random.random_range(1..4_000_000_000)
}
