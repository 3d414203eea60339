//! Accuracy of documents: the paths, links, settings and reasons that they name exist.

use std::collections::BTreeSet;

use crate::hold;
use crate::tree::{TextFile, file, files, root, rust};

/// Maximum lengths in lines, for readers new to the project.
const LENGTHS: [(&str, usize); 4] =
    [("README.md", 150), ("ARCHITECTURE.md", 200), ("CONTRIBUTING.md", 120), ("SECURITY.md", 60)];

/// The page that lists all others.
const INDEX: &str = "docs/README.md";
/// Pages of a folder with an index of its own.
const INDEXED_ELSEWHERE: &str = "docs/adr/0";

/// File endings of paths in documents.
const ENDINGS: [&str; 9] = ["rs", "sql", "proto", "md", "toml", "yaml", "json", "service", "sh"];

/// The pages about files that their reader is going to write.
const YET_TO_BE_WRITTEN: [&str; 3] = ["docs/adding-an-rpc.md", "docs/adding-a-bee.md", "docs/adding-a-source.md"];

#[test]
fn the_first_documents_are_short() {
    let mut faults = Vec::new();
    for (path, lines_max) in LENGTHS {
        match file(path).map(|file| file.text.lines().count()) {
            None => faults.push(format!("{path} is missing")),
            Some(lines) if lines > lines_max => {
                faults.push(format!("{path} has {lines} lines, the most is {lines_max}"))
            }
            Some(_) => {}
        }
    }
    hold("keep it short, and link to docs/", &faults);
}

#[test]
fn paths_in_documents_exist() {
    let mut faults = Vec::new();
    for document in documents().filter(|document| !YET_TO_BE_WRITTEN.contains(&document.path.as_str())) {
        for (line, path) in
            code_spans(document).flat_map(|(line, span)| braces(&span).into_iter().map(move |path| (line, path)))
        {
            if is_path(&path) && !exists(&path) {
                faults.push(format!("{}:{line} `{path}`", document.path));
            }
        }
    }
    hold("no such file or folder: the document lags behind the code", &faults);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for document in documents() {
        let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in
            links(document).into_iter().filter(|(_, target)| !target.contains("://") && !target.starts_with("mailto:"))
        {
            let (path, anchor) = target.split_once('#').unwrap_or((target.as_str(), ""));
            let path = if path.is_empty() { document.path.clone() } else { resolve(folder, path) };
            let there = root().join(&path).exists();
            let heading = anchor.is_empty() || file(&path).is_some_and(|file| anchors(file).contains(anchor));
            if !there || !heading {
                faults.push(format!("{}:{line} {target}", document.path));
            }
        }
    }
    hold("the link leads nowhere: mend it", &faults);
}

#[test]
fn variables_in_documents_are_read_by_the_code() {
    let code: Vec<&TextFile> = rust().filter(|file| !file.path.starts_with("tests/tidy/")).collect();
    let mut faults = Vec::new();
    let looked_at = |path: &str| path.ends_with(".md") || path.starts_with("deploy/");
    let documents = files().iter().filter(|file| looked_at(&file.path));
    for document in documents.filter(|file| !YET_TO_BE_WRITTEN.contains(&file.path.as_str())) {
        for name in upper_case_words(&document.text).into_iter().filter(|word| word.starts_with("APIARY_")) {
            // The code has only the key of a setting, `broker.listen`; the variable is derived from it.
            let key = name.trim_start_matches("APIARY_").to_lowercase();
            let spelled =
                |text: &str| text.contains(&name) || quoted(text).any(|word| word.replace(['.', '-'], "_") == key);
            if !code.iter().any(|file| spelled(&file.text)) {
                faults.push(format!("{} names {name}", document.path));
            }
        }
    }
    hold("no code reads this variable: the document lags behind the code", &faults);
}

#[test]
fn every_reason_of_a_refusal_is_explained() {
    let code = file("protocol/src/reason.rs").map_or("", |file| &file.text);
    let reasons: BTreeSet<&str> = code
        .split("=> \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|word| is_upper_case(word))
        .collect();
    assert!(reasons.len() > 10, "the reasons are found in protocol/src/reason.rs: {reasons:?}");
    let Some(page) = file("docs/errors.md") else {
        return hold("write docs/errors.md, a line for each reason", &["docs/errors.md is missing".to_owned()]);
    };
    let missing = reasons.iter().filter(|reason| !page.text.contains(&format!("`{reason}`")));
    let faults: Vec<String> = missing.map(|reason| format!("docs/errors.md lacks `{reason}`")).collect();
    hold("say there what it means and what the caller can do", &faults);
}

#[test]
fn every_page_stands_in_the_index() {
    let index: BTreeSet<String> = file(INDEX).map(links).unwrap_or_default().into_iter().map(|(_, to)| to).collect();
    let listed: BTreeSet<String> = index.iter().map(|target| resolve("docs", target)).collect();
    let pages = files().iter().map(|file| file.path.as_str()).filter(|path| {
        let in_docs = path.starts_with("docs/") && (path.ends_with(".md") || path.ends_with(".json"));
        let at_the_root = !path.contains('/') && path.ends_with(".md");
        in_docs || at_the_root || path.starts_with("deploy/") && path.ends_with("/README.md")
    });
    let missing =
        pages.filter(|path| *path != INDEX && !path.starts_with(INDEXED_ELSEWHERE) && !listed.contains(*path));
    let faults: Vec<String> = missing.map(|path| format!("{INDEX} lacks {path}")).collect();
    hold("add a line to the index: users first, contributors second", &faults);
}

#[test]
fn every_decision_stands_in_its_index() {
    let index = file("docs/adr/README.md").map_or("", |file| &file.text);
    let decisions = files().iter().filter_map(|file| file.path.strip_prefix("docs/adr/"));
    let missing = decisions.filter(|name| name.starts_with('0') && !index.contains(&format!("({name})")));
    let faults: Vec<String> = missing.map(|name| format!("docs/adr/README.md lacks {name}")).collect();
    hold("add a line to the index", &faults);
}

#[test]
fn every_folder_stands_in_the_tables() {
    let folders: BTreeSet<&str> = files()
        .iter()
        .filter_map(|file| file.path.split_once('/'))
        .map(|(folder, _)| folder)
        .filter(|folder| !folder.starts_with('.'))
        .collect();
    let mut faults = Vec::new();
    for (page, left_out) in [("README.md", ""), ("ARCHITECTURE.md", "docs")] {
        let page_text = file(page).map_or("", |file| &file.text);
        let rows: BTreeSet<&str> = page_text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .filter_map(|line| line.split('|').nth(1))
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        let missing = folders.iter().filter(|folder| **folder != left_out && !rows.contains(*folder));
        faults.extend(missing.map(|folder| format!("{page} lacks `{folder}`")));
    }
    hold("add a row to the table of folders", &faults);
}

fn documents() -> impl Iterator<Item = &'static TextFile> {
    files().iter().filter(|file| file.path.ends_with(".md") && file.path != "CHANGELOG.md")
}

/// Returns numbered code spans outside code blocks.
fn code_spans(document: &TextFile) -> impl Iterator<Item = (usize, String)> {
    prose(document).flat_map(|(line, text)| {
        text.split('`').skip(1).step_by(2).map(|span| (line, span.to_owned())).collect::<Vec<_>>()
    })
}

/// Returns numbered lines outside code blocks.
fn prose(document: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    document.text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        (!in_block && !fence).then_some((index + 1, line))
    })
}

/// Expands `a/{b,c}.rs` to `a/b.rs` and `a/c.rs`.
fn braces(span: &str) -> Vec<String> {
    let parts = span.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (choices, after))) => {
            choices.split(',').flat_map(|choice| braces(&format!("{before}{}{after}", choice.trim()))).collect()
        }
        None => vec![span.to_owned()],
    }
}

/// Returns `true` if a code span names a file or folder of the checkout.
fn is_path(span: &str) -> bool {
    let strange = |c: char| !c.is_ascii_alphanumeric() && !"./_-".contains(c);
    if span.contains(strange)
        || span.starts_with(['/', '~', '.']) && !span.starts_with(".ci/")
        || span.starts_with("target/")
    {
        return false;
    }
    let ending = span.rsplit_once('.').map(|(_, ending)| ending);
    span.contains('/') && (span.ends_with('/') || ending.is_some_and(|ending| ENDINGS.contains(&ending)))
}

/// Returns `true` if a path exists from the root, or, like the short names of a crate's files, as the end of a longer
/// path.
fn exists(path: &str) -> bool {
    let inner = format!("/{path}");
    root().join(path).exists()
        || files().iter().any(|file| file.path.ends_with(&inner) || path.ends_with('/') && file.path.contains(&inner))
}

/// Returns the numbered targets of `[text](target)`.
fn links(document: &TextFile) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, text) in prose(document) {
        for rest in text.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            links.push((line, target.to_owned()));
        }
    }
    links
}

fn resolve(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns the anchors of a document's headings.
fn anchors(document: &TextFile) -> BTreeSet<String> {
    let headings = prose(document).filter(|(_, line)| line.starts_with('#'));
    let anchor = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(|(_, line)| anchor(line)).collect()
}

fn upper_case_words(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| is_upper_case(word) && !word.ends_with('_'))
        .map(str::to_owned)
        .collect()
}

fn is_upper_case(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|word| word.len() < 64 && !word.contains(char::is_whitespace))
}

#[test]
fn drawings_draw_their_own_arrowheads() {
    let drawings = files().iter().filter(|file| file.path.ends_with(".svg"));
    let marked = drawings.filter(|file| file.text.contains("<marker") || file.text.contains("marker-"));
    let faults: Vec<String> = marked.map(|file| file.path.clone()).collect();
    hold("draw arrowheads as paths: not every renderer draws markers", &faults);
}
