//! Pages of `docs/` that follow from the lists of settings, bees and sources. `TRYCMD=overwrite` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use apiary_adapters::sources;
use apiary_settings::Setting;

use crate::settings::table::TABLE;

/// The heading of the table of settings, and the one after it.
const SETTINGS: [&str; 2] = ["\n## All settings\n", "\n## Exit codes\n"];
/// The first line of the table.
const SETTINGS_HEAD: &str = "| setting | environment |";

#[test]
fn the_documented_settings_are_the_table() {
    let page = page("docs/configuration.md");
    let (before, rest) = page.split_once(SETTINGS[0]).unwrap();
    let (section, after) = rest.split_once(SETTINGS[1]).unwrap();
    let (words, _) = section.split_once(SETTINGS_HEAD).unwrap();
    let rows: Vec<String> = TABLE.iter().map(row).collect();
    let section = format!(
        "{words}{SETTINGS_HEAD} flag | default | kind | used by | what it does |\n|---|---|---|---|---|---|---|\n{}\n",
        rows.join("\n")
    );
    hold("docs/configuration.md", &page, &[before, SETTINGS[0], &section, SETTINGS[1], after].concat());
}

#[test]
fn the_exit_codes_are_documented() {
    assert!(
        page("docs/configuration.md").contains(crate::exit::TABLE),
        "docs/configuration.md has the table of exit codes"
    );
}

#[test]
fn the_documented_bees_and_sources_are_the_lists() {
    let page = page("docs/bees-and-sources.md");
    let (before, _) = page.split_once("\n## Bees\n").unwrap();
    let mut text = format!("{before}\n## Bees\n");
    for bee in apiary_bees::ALL {
        let _ = writeln!(
            text,
            "\n### `{}`\n\n{}. Its executor type is `{}`.",
            bee.name(),
            bee.about(),
            bee.executor_type()
        );
        if let Some(check) = bee.check_name() {
            let _ = writeln!(text, "`apiary doctor --only {check}` looks at what it works with.");
        }
        let _ = writeln!(text, "\n| function | what it does |\n|---|---|");
        for function in bee.functions() {
            let _ = writeln!(text, "| `{}` | {} |", function.name, function.about);
        }
        text.push_str(&of(bee.settings()));
    }
    text.push_str("\n## Sources of webhooks\n");
    for source in sources::ALL {
        let _ = writeln!(
            text,
            "\n### `{}`\n\n{}. They are posted to `{}`, and go where `{}` says.",
            source.name(),
            source.about(),
            source.paths(),
            source.routes().key
        );
        let own = source.own_routes();
        if !own.is_empty() {
            let _ = writeln!(text, "These lines stand below those of the setting:\n\n```text\n{}\n```", own.join("\n"));
        }
        text.push_str(&of(source.settings()));
    }
    hold("docs/bees-and-sources.md", &page, &text);
}

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap_or_default()
}

/// Compares the page with what it should be, or writes it.
fn hold(path: &str, page: &str, wanted: &str) {
    if page == wanted {
        return;
    }
    if std::env::var("TRYCMD").is_ok_and(|mode| mode == "overwrite") {
        return fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path), wanted).unwrap();
    }
    let line = page.lines().zip(wanted.lines()).position(|(is, wanted)| is != wanted);
    let line = line.unwrap_or_else(|| page.lines().count().min(wanted.lines().count()));
    panic!(
        "{path}, line {}, is not what follows from the lists: `TRYCMD=overwrite cargo test -p apiary --lib documents` writes it\n{}",
        line + 1,
        wanted.lines().nth(line).unwrap_or("(the page is longer)")
    );
}

/// The settings of one part, in a sentence.
fn of(settings: &[Setting]) -> String {
    if settings.is_empty() {
        return String::new();
    }
    let names: Vec<String> = settings.iter().map(|setting| format!("`{}`", setting.key)).collect();
    format!("\n[Settings](configuration.md#all-settings): {}.\n", names.join(", "))
}

/// A setting's row in the table.
fn row(setting: &Setting) -> String {
    let variables: Vec<String> = setting.variables().iter().map(|name| format!("`{name}`")).collect();
    let flag = setting.flag.map_or("-".to_owned(), |flag| format!("`{flag}`"));
    let default = setting.default.map_or("-".to_owned(), |value| format!("`{value}`"));
    let kind = if setting.secret { format!("secret {}", setting.kind.word()) } else { setting.kind.word() };
    let file = if setting.in_file { "" } else { " (not in the file)" };
    format!(
        "| `{}`{file} | {} | {flag} | {default} | {kind} | {} | {} |",
        setting.key,
        variables.join(" "),
        setting.used_by,
        setting.help
    )
}
