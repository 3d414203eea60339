//! Tests of tables on real terminals of several widths, and elsewhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its subject must fail at once")]

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use apiary_tests::blocking::eventually;
use nix::pty::{Winsize, openpty};
use unicode_width::UnicodeWidthStr as _;

use crate::local::Local;
use crate::scene::Scene;

const WIDTHS: [u16; 4] = [40, 60, 80, 200];

#[test]
fn every_list_keeps_to_the_width_of_the_terminal() {
    let scene = Scene::new();
    let local = Local::start(&scene);
    let process_id = furnish(&local);
    let colony = scene.path("data/keys/colony.pem").display().to_string();
    let lists: [&[&str]; 16] = [
        &["process", "list"],
        &["grant", "list"],
        &["executor", "list"],
        &["function", "list"],
        &["limit", "list"],
        &["pause", "list"],
        &["bulk", "list"],
        &["guard", "show", "--key-file", &colony],
        &["config", "show"],
        &["record", "show"],
        &["spool", "list"],
        &["webhook", "send", "--list"],
        &["colony", "health"],
        &["doctor"],
        &["process", "show", &process_id],
        &["process", "explain", &process_id],
    ];
    for list in lists {
        let whole = local.run(list).stdout;
        for width in WIDTHS {
            let shown = on_terminal(local.process(list), width);
            let widest = shown.lines().map(|line| line.width()).max().unwrap_or(0);
            assert!(widest <= usize::from(width), "{list:?} takes {widest} of {width} columns:\n{shown}");
            // Every copied value is shown in full, on one line or on several.
            let id = process_id.as_str();
            assert!(!whole.contains(id) || squeezed(&shown).contains(id), "{list:?} at {width}:\n{shown}");
        }
    }
}

#[test]
fn a_table_goes_by_columns_on_a_terminal_and_is_whole_elsewhere() {
    let scene = Scene::new();
    let list = ["webhook", "send", "--list"];
    let mut narrow = scene.process(&list);
    narrow.env("COLUMNS", "66");
    let shown = on_terminal(narrow, 200);
    assert!(shown.lines().all(|line| line.width() <= 66) && shown.contains('…'), "{shown}");
    assert!(shown.contains("customer.subscription.pending_update_applied"), "{shown}");
    let whole = scene.run(&list).ok();
    assert!(!whole.contains('…') && whole.lines().any(|line| line.width() > 80), "{whole}");
    assert_eq!(scene.run_with(&[("COLUMNS", "66")], &list).ok(), whole, "a pipe has no width");
}

/// Creates an entry of each noun in the colony; returns the id of a process.
fn furnish(local: &Local) -> String {
    let label = "customer=a-customer-with-a-very-long-name-of-more-than-forty-characters";
    let args = r#"{"message": "the customer's account is closed, and nobody knows when it is opened again", "retryable": false}"#;
    let submit = ["process", "submit", "--type", "echo", "--function", "fail", "--label", label, "--args", args];
    let process_id = local.run(&submit).ok().trim().to_owned();
    for arguments in [
        &[
            "process",
            "submit",
            "--type",
            "nobody-has-an-executor-of-this-type",
            "--function",
            "a.function.of.some.length",
        ][..],
        &["limit", "set", "executor-type", "nobody-has-an-executor-of-this-type", "--running-max", "3"],
        &[
            "pause",
            "add",
            "executor-type",
            "a-type-with-a-long-name",
            "--reason",
            "the ledger is closed until Monday, says the bank",
        ],
        &[
            "bulk",
            "start",
            "cancel",
            "--type",
            "nothing",
            "--yes",
            "--reason",
            "a reason of more than forty characters in all",
        ],
    ] {
        local.run(arguments).ok();
    }
    eventually("the process is given up", || {
        let shown = local.run(&["process", "show", &process_id, "-o", "json"]).json();
        (shown["state"] == "dead_letter").then_some(())
    });
    process_id
}

/// Returns a program's output on a terminal of this width.
fn on_terminal(mut command: Command, width: u16) -> String {
    let size = Winsize { ws_row: 24, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    let mut child =
        command.env("NO_COLOR", "1").stdin(Stdio::null()).stdout(terminal.slave).stderr(Stdio::null()).spawn().unwrap();
    // The last hold of the other end in this process: the terminal hangs up when the program ends.
    drop(command);
    let (mut master, mut shown) = (File::from(terminal.master), Vec::new());
    // Reading from a terminal that hung up ends with an error.
    let _ = master.read_to_end(&mut shown);
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

/// Removes all white space from a text.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}
