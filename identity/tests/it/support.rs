//! A small colony to test with, and helpers to write documents that the types do not allow.

#![expect(clippy::unwrap_used, reason = "fixtures: what cannot be made fails the test that wants it")]

use apiary_identity::{
    Content, Document, Envelope, FieldPattern, Grant, Guard, GuardRule, Id, KeyPair, Outcome, Progress, Revocation,
    Role, Scopes, Signature, Spec,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// A colony with one user and one executor, at a fixed time.
pub(crate) struct Scene {
    pub(crate) colony: KeyPair,
    pub(crate) user: KeyPair,
    pub(crate) executor: KeyPair,
    pub(crate) now: Timestamp,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            colony: KeyPair::generate(),
            user: KeyPair::generate(),
            executor: KeyPair::generate(),
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        }
    }

    /// An hour around now, for `billing.*` at executors of type `finance`.
    pub(crate) fn grant(&self, key: &KeyPair, role: Role) -> Grant {
        Grant {
            colony: self.colony.id(),
            grant_id: Uuid::new_v4(),
            key: key.id(),
            role,
            name: role.as_str().to_owned() + "-1",
            scopes: Scopes { functions: vec!["billing.*".to_owned()], executor_types: vec!["finance".to_owned()] },
            rights: Vec::new(),
            valid_from: self.now - SignedDuration::from_mins(30),
            valid_until: self.now + SignedDuration::from_mins(30),
        }
    }

    pub(crate) fn user_grant(&self) -> Grant {
        self.grant(&self.user, Role::User)
    }

    pub(crate) fn executor_grant(&self) -> Grant {
        self.grant(&self.executor, Role::Executor)
    }

    pub(crate) fn spec(&self) -> Spec {
        Spec::new(self.colony.id(), "finance", "billing.apply", self.now).with_args(Content::from_bytes(br#"{"a": 1}"#))
    }

    /// A success of the first attempt at what this envelope asks for.
    pub(crate) fn outcome(&self, spec: &Envelope) -> Outcome {
        let asked: Spec = spec.open().unwrap();
        let output = Content::from_bytes(b"\"done\"");
        Outcome::succeeded(self.colony.id(), asked.process_id, 1, spec.digest(), self.now, output)
    }

    /// The first report of the first attempt at what this envelope asks for.
    pub(crate) fn progress(&self, spec: &Envelope) -> Progress {
        let asked: Spec = spec.open().unwrap();
        Progress::new(self.colony.id(), asked.process_id, 1, spec.digest(), 1, self.now)
    }

    /// The end of this grant, from now on.
    pub(crate) fn revocation(&self, grant: &Grant) -> Revocation {
        Revocation {
            colony: self.colony.id(),
            revocation_id: Uuid::new_v4(),
            grant_id: Some(grant.grant_id),
            key: None,
            from: self.now,
            reason: Some("the key was lost".to_owned()),
        }
    }

    /// Returns a guard with a single rule, for functions `shell.*` of executors of type `ops`.
    pub(crate) fn guard(&self) -> Guard {
        let deny = FieldPattern { field: "/command".to_owned(), pattern: "rm -rf".to_owned() };
        let rule = GuardRule {
            name: "shell".to_owned(),
            executor_type: "ops".to_owned(),
            function: "shell.*".to_owned(),
            schema: Some(serde_json::value::RawValue::from_string(r#"{"required": ["command"]}"#.to_owned()).unwrap()),
            deny: vec![deny],
            allow: Vec::new(),
        };
        Guard { colony: self.colony.id(), version: 1, made_at: self.now, rules: vec![rule] }
    }

    pub(crate) fn granted(&self, grant: &Grant) -> Envelope {
        seal(&self.colony, grant)
    }
}

pub(crate) fn seal<D: Document>(key: &KeyPair, document: &D) -> Envelope {
    Envelope::seal(key, document).unwrap()
}

/// A document as a JSON value, to be bent.
pub(crate) fn value<D: Document>(document: &D) -> Value {
    serde_json::from_slice(&document.to_json().unwrap()).unwrap()
}

/// The words with which a document of this JSON is refused.
pub(crate) fn refusal<D: Document + std::fmt::Debug>(json: impl AsRef<[u8]>) -> String {
    D::from_json(json.as_ref()).unwrap_err().to_string()
}

/// Asserts that the document with this field set so is refused, in words that name the field and hold `words`.
#[track_caller]
pub(crate) fn assert_refused<D: Document + std::fmt::Debug>(good: &Value, path: &str, bad: Value, words: &str) {
    let mut json = good.clone();
    let (parents, leaf) = path.rsplit_once('.').unwrap_or(("", path));
    let mut place = &mut json;
    for name in parents.split('.').filter(|name| !name.is_empty()) {
        place = &mut place[name];
    }
    place[leaf] = bad;
    let found = refusal::<D>(json.to_string());
    assert!(found.contains(words), "{path}: expected {words:?} in {found:?}");
    assert!(found.len() < 600, "{path}: {} bytes of error", found.len());
}

/// Asserts that unknown, duplicate, missing and ill-formed fields are refused, for every field that must be there.
#[track_caller]
pub(crate) fn assert_strict<D: Document + std::fmt::Debug>(good: &D, required: &[&str]) {
    let json = value(good);
    assert_refused::<D>(&json, "colour", json!("red"), "unknown field `colour`");
    for name in required {
        let mut short = json.clone();
        short.as_object_mut().unwrap().remove(*name);
        assert!(refusal::<D>(short.to_string()).contains(&format!("missing field `{name}`")), "{name}");
        let text = json.to_string();
        let twice = format!("{{\"{name}\":{},{}", json[*name], &text[1..]);
        assert!(refusal::<D>(twice).contains(&format!("duplicate field `{name}`")), "{name}");
        let mut null = json.clone();
        null[*name] = Value::Null;
        refusal::<D>(null.to_string());
    }
    let in_order = Value::Array(json.as_object().unwrap().values().cloned().collect());
    assert!(refusal::<D>(in_order.to_string()).contains("a JSON object"));
    for text in ["", " ", "null", "[]", "{}", "\"\"", "0", "\u{feff}{}"] {
        refusal::<D>(text);
    }
    refusal::<D>(format!("{json}{json}"));
    refusal::<D>(format!("{json},"));
    refusal::<D>([b"{\"colony\":\"".as_slice(), &[0xff], b"\"}"].concat());
}

/// The small-order points, in every encoding that curve libraries are known to take.
pub(crate) fn weak_points() -> Vec<[u8; 32]> {
    [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ]
    .map(|text| hex::decode(text).unwrap().try_into().unwrap())
    .to_vec()
}

/// The colony's id as a text that a document can hold.
pub(crate) fn text(id: Id) -> Value {
    Value::String(id.to_string())
}

/// Changes a bit of an envelope's signature.
pub(crate) fn spoil(envelope: &mut Envelope) {
    let mut bytes = envelope.signature.as_bytes().to_vec();
    bytes[0] ^= 1;
    envelope.signature = Signature::from_bytes(bytes.into()).unwrap();
}
