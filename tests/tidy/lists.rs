//! Bees and sources of webhooks: the program knows them by their lists, so that one more is a folder and an entry.

use crate::hold;
use crate::tree::{file, under};

/// A list, and the folder with a folder for each entry.
const LISTS: [(&str, &str); 2] =
    [("bees/src/lib.rs", "bees/src/"), ("adapters/src/sources/mod.rs", "adapters/src/sources/")];

/// Code of the program that is about one of them by its subject.
const ABOUT_ONE: [(&str, &str); 7] = [
    ("cli/src/mistakes.rs", "knows the words that people type who mean `webhook send`"),
    ("cli/src/demo/", "tells a story of Stripe's events, and shows the rows of the finance bee"),
    ("cli/src/commands/process/archived.rs", "reads from the archive's storage what left the broker"),
    ("cli/src/commands/record/", "shows the rows of the finance bee"),
    ("cli/src/commands/shadow/", "compares an old handler's tables with the rows of the finance bee"),
    ("cli/src/commands/webhook/send.rs", "makes up Stripe's events"),
    ("cli/src/commands/up.rs", "offers first commands to a newcomer"),
];

/// The names of the folders below `folder`, each with a module in it.
fn names(folder: &str) -> Vec<&'static str> {
    let inside = under(folder, "/mod.rs").filter_map(|file| file.path[folder.len()..].strip_suffix("/mod.rs"));
    inside.filter(|name| !name.contains('/')).collect()
}

#[test]
fn every_bee_and_every_source_stands_in_its_list() {
    let mut faults = Vec::new();
    for (list, folder) in LISTS {
        let text = file(list).map_or("", |file| &file.text);
        let names = names(folder);
        assert!(!names.is_empty(), "{folder} has folders");
        let missing = names.iter().filter(|name| !text.contains(&format!("&{name}::")));
        faults.extend(missing.map(|name| format!("{list} lacks {folder}{name}")));
    }
    hold("add it to ALL", &faults);
}

#[test]
fn the_program_names_no_bee_and_no_source() {
    let mut faults = Vec::new();
    for name in LISTS.iter().flat_map(|(_, folder)| names(folder)) {
        let marks = [format!("\"{name}\""), format!("{name}::"), format!("::{name}")];
        let is_about_one = |path: &str| ABOUT_ONE.iter().any(|(about, _)| path.starts_with(about));
        // Tests may take one as an example.
        let files =
            under("cli/src/", ".rs").filter(|file| !is_about_one(&file.path) && !file.path.ends_with("tests.rs"));
        for file in files {
            let code = file.code().take_while(|(_, code)| !code.contains("#[cfg(test)]"));
            let found = code.filter(|(_, code)| marks.iter().any(|mark| names_one(code, mark)));
            faults.extend(found.map(|(line, code)| format!("{}:{line}: {}", file.path, code.trim())));
        }
    }
    hold("loop over `apiary_bees::ALL` or `apiary_adapters::sources::ALL`, and ask the trait", &faults);
}

/// Returns true if the code has this mark, and not as a part of a longer name: `Finding::` does not name a source `ding`.
fn names_one(code: &str, mark: &str) -> bool {
    let is_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(mark).any(|(at, _)| {
        let (before, after) = (code[..at].chars().next_back(), code[at + mark.len()..].chars().next());
        let goes_on =
            |edge: Option<char>, own: Option<char>| edge.is_some_and(is_of_a_name) && own.is_some_and(is_of_a_name);
        !goes_on(before, mark.chars().next()) && !goes_on(after, mark.chars().next_back())
    })
}

#[test]
fn a_longer_name_is_not_taken_for_a_shorter_one() {
    assert!(names_one("ding::Ding", "ding::") && names_one("use sources::ding;", "::ding"));
    assert!(names_one("\"ding\"", "\"ding\""));
    assert!(!names_one("Finding::new", "ding::") && !names_one("sources::dinghy", "::ding"));
}
