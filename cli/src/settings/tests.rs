//! Tests of the table, the precedence of sources, and the advice after mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use apiary_adapters::Source as _;
use apiary_adapters::sources::stripe::Stripe;
use apiary_settings::Kind;

use super::table::{self, TABLE};
use super::{Flags, SearchPath, Settings};
use crate::exit::Fault;

/// Sources of settings in a test, without those of the test's caller.
#[derive(Default)]
struct Scene {
    folder: Option<tempfile::TempDir>,
    variables: BTreeMap<&'static str, String>,
    sets: Vec<&'static str>,
}

impl Scene {
    fn with_file(text: &str, mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("apiary.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Self { folder: Some(folder), ..Self::default() }
    }

    fn load(&self) -> Result<Settings, Fault> {
        let mut flags = Flags::default();
        self.sets.iter().try_for_each(|text| flags.add_set(text))?;
        // A data folder without a file keeps the search away from the caller's files.
        let data = self.folder.as_ref().map_or(PathBuf::from("/nonexistent"), |folder| folder.path().to_owned());
        let place = SearchPath { named: None, data: Some(data) };
        Settings::load(&place, &flags, &|name: &str| self.variables.get(name).cloned())
    }

    fn refusal(&self) -> String {
        self.load().err().unwrap().to_string()
    }
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file_which_wins_over_defaults() {
    let mut scene = Scene::with_file("[broker]\nlisten = \"127.0.0.1:1\"\n", 0o644);
    let listen = |scene: &Scene| {
        let settings = scene.load().unwrap();
        let origin = settings.origin(&table::BROKER_LISTEN).unwrap().to_string();
        (settings.socket(&table::BROKER_LISTEN).unwrap().port(), origin)
    };
    assert_eq!(Scene::default().load().unwrap().socket(&table::BROKER_LISTEN).unwrap().port(), 7420);
    assert_eq!(listen(&scene).0, 1);
    assert!(listen(&scene).1.ends_with("apiary.toml"));
    scene.variables.insert("APIARY_BROKER_LISTEN", "127.0.0.1:2".to_owned());
    assert_eq!(listen(&scene), (2, "APIARY_BROKER_LISTEN".to_owned()));
    scene.sets.push("broker.listen=127.0.0.1:3");
    assert_eq!(listen(&scene), (3, "--set broker.listen".to_owned()));
}

#[test]
fn a_vendors_variable_sets_what_it_is_known_for_and_ours_wins() {
    let mut scene = Scene::default();
    scene.variables.insert("DATABASE_URL", "postgres://theirs".to_owned());
    scene.variables.insert("STRIPE_WEBHOOK_SECRET", "whsec_a, whsec_b".to_owned());
    let settings = scene.load().unwrap();
    assert_eq!(settings.text(&table::BROKER_DATABASE_URL), Some("postgres://theirs"));
    assert_eq!(settings.secrets(Stripe.secrets()).len(), 2);
    scene.variables.insert("APIARY_DATABASE_URL", "postgres://ours".to_owned());
    assert_eq!(scene.load().unwrap().text(&table::BROKER_DATABASE_URL), Some("postgres://ours"));
}

#[test]
fn a_comma_at_a_lists_end_adds_nothing_and_an_empty_entry_is_named() {
    let secrets = |text: &str| {
        let mut scene = Scene::default();
        scene.variables.insert("STRIPE_WEBHOOK_SECRET", text.to_owned());
        scene
    };
    for text in ["whsec_a,whsec_b,", "whsec_a, whsec_b , ", "whsec_a,whsec_b"] {
        assert_eq!(secrets(text).load().unwrap().secrets(Stripe.secrets()).len(), 2, "{text}");
    }
    for (text, words) in [
        ("whsec_a,,whsec_b", "entry 2 of the list is empty"),
        (",whsec_a", "entry 1 of the list is empty"),
        ("whsec_a,,", "entry 2 of the list is empty"),
        (",", "expected one or more texts"),
    ] {
        let refusal = secrets(text).refusal();
        assert!(refusal.contains("STRIPE_WEBHOOK_SECRET") && refusal.contains(words), "{text}: {refusal}");
        assert!(!refusal.contains("whsec_"), "{refusal}");
    }
    let file = |text: &str| Scene::with_file(&format!("[bee]\ntags = {text}\n"), 0o644);
    assert_eq!(file("[\"a\", \"b\",]").load().unwrap().list(&table::BEE_TAGS), ["a", "b"]);
    assert!(file("[\"\", \"b\"]").refusal().contains("entry 1 of the list is empty"));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let mut scene = Scene::default();
    scene.variables.insert("APIARY_BROKER_LISTEN", " ".to_owned());
    assert!(!scene.load().unwrap().is_set(&table::BROKER_LISTEN));
}

#[test]
fn a_credential_is_weaker_than_the_environment_and_stronger_than_the_file() {
    let mut scene = Scene::with_file("[webhook]\nstripe_secrets = [\"whsec_file\"]\n", 0o600);
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("apiary-webhook-stripe-secrets"), "whsec_credential\n").unwrap();
    scene.variables.insert("CREDENTIALS_DIRECTORY", credentials.path().display().to_string());
    let origin = |scene: &Scene| scene.load().unwrap().origin(Stripe.secrets()).unwrap().to_string();
    assert_eq!(origin(&scene), "credential apiary-webhook-stripe-secrets");
    scene.variables.insert("STRIPE_WEBHOOK_SECRET", "whsec_environment".to_owned());
    assert_eq!(origin(&scene), "STRIPE_WEBHOOK_SECRET");
}

#[test]
fn credentials_that_cannot_be_read_are_told() {
    let mut scene = Scene::default();
    // Whoever may read everything, as tests may, still finds no folder in a file.
    let file = tempfile::NamedTempFile::new().unwrap();
    scene.variables.insert("CREDENTIALS_DIRECTORY", file.path().display().to_string());
    let words = scene.refusal();
    assert!(words.contains("cannot be read") && words.contains(&file.path().display().to_string()), "{words}");
    // A folder that is not there has no credentials.
    scene.variables.insert("CREDENTIALS_DIRECTORY", file.path().with_extension("none").display().to_string());
    scene.load().unwrap();
}

#[test]
fn a_misspelt_key_is_named_with_what_was_meant() {
    let words = Scene::with_file("[broker]\nlisten_adress = \"x\"\n", 0o644).refusal();
    assert!(words.contains("no setting is named `broker.listen_adress`"), "{words}");
    let words = Scene::with_file("[brokr]\nlisten = \"127.0.0.1:1\"\n", 0o644).refusal();
    assert!(words.ends_with("did you mean `broker.listen`?"), "{words}");
    let scene = Scene { sets: vec!["log.levl=debug"], ..Scene::default() };
    assert!(scene.refusal().ends_with("did you mean `log.level`?"), "{}", scene.refusal());
}

#[test]
fn a_value_of_another_type_is_named_with_the_fix() {
    for (text, key, fix) in [
        ("[broker]\nlisten = 7420\n", "broker.listen", "in quotes"),
        ("[broker]\nmigrate = \"true\"\n", "broker.migrate", "without quotes"),
        ("[bee]\nslots = 0\n", "bee.slots", "from 1 to 1000"),
        ("[log]\nlevel = \"loud\"\n", "log.level", "one of: error, warn, info, debug, trace"),
        ("colony = \"production\"\n", "colony", "`apiary key id` prints it"),
        ("[webhook]\nlisten = \"localhost\"\n", "webhook.listen", "an IP address and a port"),
    ] {
        let words = Scene::with_file(text, 0o644).refusal();
        assert!(words.contains(&format!("`{key}`")) && words.contains(fix), "{words}");
    }
    let words = Scene::with_file("colony = \n", 0o644).refusal();
    assert!(words.contains("apiary.toml, line 1:"), "{words}");
}

#[test]
fn a_secret_is_never_repeated_and_never_a_flag_and_only_in_a_file_that_is_nobody_elses() {
    let secret = "[webhook]\nstripe_secrets = [\"whsec_hidden\"]\n";
    let words = Scene::with_file(secret, 0o644).refusal();
    assert!(words.contains("chmod 600") && !words.contains("whsec_hidden"), "{words}");
    assert!(Scene::with_file(secret, 0o600).load().is_ok());
    let scene = Scene { sets: vec!["webhook.stripe_secrets=whsec_hidden"], ..Scene::default() };
    let words = scene.refusal();
    assert!(words.contains("APIARY_WEBHOOK_STRIPE_SECRETS") && !words.contains("whsec_hidden"), "{words}");
    let words = Scene::with_file("key = \"PEM\"\n", 0o600).refusal();
    assert!(words.contains("set it as APIARY_KEY instead"), "{words}");
    for setting in TABLE.iter().filter(|setting| setting.secret) {
        assert!(setting.flag.is_none(), "{} is a secret with a flag", setting.key);
    }
}

#[test]
fn a_shown_secret_is_hidden() {
    let mut scene = Scene::default();
    scene.variables.insert("SUPABASE_SERVICE_ROLE_KEY", "sb_secret".to_owned());
    let secret = TABLE.iter().find(|setting| setting.key == "finance.supabase_service_role_key").unwrap();
    let shown = scene.load().unwrap().shown(secret);
    assert_eq!(shown.as_deref(), Some("(hidden)"));
}

#[test]
fn paths_in_the_file_are_counted_from_the_file() {
    let text = "key_file = \"keys/me.pem\"\n[broker]\naddress = \"unix:broker.sock\"\nsocket = \"/run/apiary.sock\"\n";
    let scene = Scene::with_file(text, 0o644);
    let settings = scene.load().unwrap();
    let folder = scene.folder.as_ref().unwrap().path();
    assert_eq!(settings.path(&table::KEY_FILE).unwrap(), folder.join("keys/me.pem"));
    assert_eq!(
        settings.text(&table::BROKER_ADDRESS).unwrap(),
        format!("unix:{}", folder.join("broker.sock").display())
    );
    assert_eq!(settings.path(&table::BROKER_SOCKET).unwrap(), Path::new("/run/apiary.sock"));
}

#[test]
fn names_and_variables_are_distinct_and_defaults_are_of_their_kind() {
    let mut names = BTreeSet::new();
    for setting in TABLE.iter() {
        assert!(names.insert(setting.key.to_owned()) && names.insert(setting.variable()), "{} twice", setting.key);
        if let Some(default) = setting.default {
            assert!(setting.kind.read(default).is_ok(), "the default of {}", setting.key);
        }
        let is_phrase =
            !setting.help.ends_with('.') && setting.help.starts_with(|c: char| !c.is_uppercase() || c == 'S');
        assert!(is_phrase, "{}: {}", setting.key, setting.help);
    }
    assert!(matches!(table::COLONY.kind, Kind::Id));
}
