//! The behaviour cases: `tests/cases.md` lists the tests of each case. A test names its cases in a line `// Case 17.`
//! or `// Cases 6, X20.` above it.

use std::collections::BTreeMap;

use crate::hold;
use crate::tree::{TextFile, file, rust};

/// The page with the table.
const PAGE: &str = "tests/cases.md";
/// Mark of a case without tests.
const NONE: &str = "—";

#[test]
fn every_case_has_its_row() {
    let rows: Vec<String> = rows().into_iter().map(|row| row.case).collect();
    let kept = |number: &u32| ![17, 18, 19].contains(number);
    let expected: Vec<String> = (1..=43)
        .map(|number| number.to_string())
        .chain((1..=23).filter(kept).map(|number| format!("X{number}")))
        .collect();
    assert_eq!(rows, expected, "{PAGE} has a row for each case, in order");
}

#[test]
fn every_case_names_the_tests_that_hold_it() {
    let mut held = held();
    let mut faults = Vec::new();
    for row in rows() {
        let tests = held.remove(&row.case).map_or_else(|| NONE.to_owned(), |tests| cell(&tests));
        if tests != row.tests {
            faults.push(format!("| {} | {} | {tests} |", row.case, row.words));
        }
    }
    hold(&format!("these rows of {PAGE} should read"), &faults);
    let strays: Vec<String> = held.into_iter().map(|(case, tests)| format!("case {case}: {}", cell(&tests))).collect();
    hold(&format!("{PAGE} has no such case"), &strays);
}

struct Row {
    case: String,
    words: String,
    tests: String,
}

fn rows() -> Vec<Row> {
    let lines = file(PAGE).into_iter().flat_map(|page| page.text.lines());
    let cells = lines.filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        <[&str; 3]>::try_from(cells).ok()
    });
    // Skips the heading.
    cells.skip(1).map(|cells| cells.map(str::to_owned)).map(|[case, words, tests]| Row { case, words, tests }).collect()
}

/// Tests by case, each with its file.
type Tests = BTreeMap<&'static str, Vec<&'static str>>;

fn cell(tests: &Tests) -> String {
    let of_file = |(path, names): (&&str, &Vec<&str>)| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("`{path}`: {}", names.join(", "))
    };
    tests.iter().map(of_file).collect::<Vec<_>>().join("; ")
}

fn held() -> BTreeMap<String, Tests> {
    let mut held: BTreeMap<String, Tests> = BTreeMap::new();
    for file in rust() {
        for (cases, test) in marks(file) {
            for case in cases {
                held.entry(case).or_default().entry(&file.path).or_default().push(test);
            }
        }
    }
    held
}

/// Returns the marks of a file: the cases, and the test below them.
fn marks(file: &'static TextFile) -> Vec<(Vec<String>, &'static str)> {
    let mut marks = Vec::new();
    let lines: Vec<&str> = file.text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let marked = ["// Case ", "// Cases "].iter().find_map(|start| line.trim_start().strip_prefix(start));
        let Some(numbers) = marked.and_then(|rest| rest.strip_suffix('.')) else { continue };
        let below = lines[index + 1..].iter().find(|line| !line.trim_start().starts_with(['#', '/']));
        let test = below.and_then(|line| line.split_once("fn ")?.1.split_once('(')).map(|(name, _)| name);
        assert!(test.is_some(), "{}:{}: a test stands below such a line", file.path, index + 1);
        marks.extend(test.map(|test| (numbers.split(", ").map(str::to_owned).collect(), test)));
    }
    marks
}
