//! Proposes commands for unknown words on the command line.

use apiary_protocol::near::nearest;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

/// Most proposals for one mistake.
const TIPS_MAX: usize = 3;

/// Words known from other programs, and the commands that correspond to them.
const MEANT: [(&[&str], &[&str]); 15] = [
    (&["health", "info", "check", "ping"], &["status", "doctor"]),
    (&["run", "exec", "enqueue", "push", "create", "task", "job"], &["process submit"]),
    (&["start", "init", "setup", "dev", "local", "quickstart"], &["up"]),
    (&["serve", "server", "daemon"], &["up", "broker"]),
    (&["ls", "list", "ps", "jobs", "tasks", "queue"], &["process list"]),
    (&["log", "tail"], &["process logs", "process watch"]),
    (&["dlq", "dead", "dead-letter", "dead-letters", "failed"], &["process list --state dead_letter"]),
    (&["why"], &["process explain"]),
    (&["result", "output", "show", "get", "inspect", "describe"], &["process show"]),
    (&["keygen", "genkey", "new"], &["key new"]),
    (&["worker", "agent", "consume"], &["bee", "lease claim"]),
    (&["stripe", "trigger", "event", "send"], &["webhook send"]),
    (&["rows", "subscriptions"], &["record show"]),
    (&["settings", "configuration", "env"], &["config show"]),
    (&["permit", "allow", "authorize"], &["grant add"]),
];

/// Groups of verbs with the same meaning: if a noun has one of a group, the others lead to it.
const VERBS: [&[&str]; 7] = [
    &["add", "new", "create", "generate", "make", "set", "submit", "register", "start"],
    &["show", "get", "status", "info", "inspect", "describe", "view", "health"],
    &["list", "ls", "all"],
    &["remove", "rm", "delete", "del", "revoke", "discard", "stop"],
    &["watch", "follow", "tail", "wait", "await"],
    &["logs", "log"],
    &["redrive", "retry", "requeue", "replay", "resend", "resume"],
];

/// Replaces clap's proposals in the error with better ones.
pub(crate) fn explain(mut error: Error, tree: &Command, arguments: impl Iterator<Item = String>) -> Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let tips = tips(tree, arguments, &word.to_lowercase());
    error.remove(ContextKind::SuggestedSubcommand);
    if !tips.is_empty() {
        let tips: Vec<String> = tips.iter().map(|tip| format!("`{tip}`")).collect();
        let words = format!("did you mean {}?", tips.join(" or "));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![words.into()]));
    }
    error
}

/// Returns the commands that may be meant, the likeliest first.
fn tips(tree: &Command, arguments: impl Iterator<Item = String>, word: &str) -> Vec<String> {
    let (mut command, mut path) = (tree, tree.get_name().to_owned());
    // `apiary help WORD` asks for a command in the same way as `apiary WORD`.
    let arguments = arguments.skip(1).filter(|argument| argument != "help");
    for argument in arguments.take_while(|argument| argument.to_lowercase() != word) {
        if let Some(inner) = command.find_subcommand(&argument) {
            path = format!("{path} {}", inner.get_name());
            command = inner;
        }
    }
    let mut found = if path == tree.get_name() { Vec::new() } else { under_a_noun(command, word) };
    if found.is_empty() {
        // Another noun may have it.
        (found, path) = (at_the_top(tree, word), tree.get_name().to_owned());
    }
    found.into_iter().take(TIPS_MAX).map(|tip| format!("{path} {tip}")).collect()
}

fn at_the_top(tree: &Command, word: &str) -> Vec<String> {
    if tree.get_subcommands().any(|command| command.get_name() == word) {
        return vec![word.to_owned()];
    }
    if let Some((_, meant)) = MEANT.iter().find(|(words, _)| words.contains(&word)) {
        return meant.iter().map(|&command| command.to_owned()).collect();
    }
    let verbs = || tree.get_subcommands().flat_map(|noun| noun.get_subcommands().map(move |verb| (noun, verb)));
    let exact = |name: &str| -> Vec<String> {
        let of_process = |(noun, _): &(&Command, &Command)| noun.get_name() != "process";
        let mut found: Vec<_> = verbs().filter(|(_, verb)| verb.get_name() == name).collect();
        found.sort_by_key(of_process);
        found.iter().map(|(noun, verb)| format!("{} {}", noun.get_name(), verb.get_name())).collect()
    };
    let found = exact(word);
    if !found.is_empty() {
        return found;
    }
    if let Some(name) = nearest(word, tree.get_subcommands().map(Command::get_name)) {
        return vec![name.to_owned()];
    }
    nearest(word, verbs().map(|(_, verb)| verb.get_name())).map(exact).unwrap_or_default()
}

fn under_a_noun(noun: &Command, word: &str) -> Vec<String> {
    let names = || noun.get_subcommands().map(Command::get_name);
    if let Some(name) = nearest(word, names()).filter(|name| name.starts_with(word) || word.starts_with(*name)) {
        return vec![name.to_owned()];
    }
    let group = VERBS.iter().find(|group| group.contains(&word));
    let alike: Vec<String> = group
        .into_iter()
        .flat_map(|group| group.iter())
        .filter_map(|&verb| names().find(|name| *name == verb))
        .map(str::to_owned)
        .collect();
    if !alike.is_empty() {
        return alike;
    }
    nearest(word, names()).map(str::to_owned).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::app::Cli;

    fn tip(line: &str) -> String {
        let arguments: Vec<String> = std::iter::once("apiary").chain(line.split(' ')).map(str::to_owned).collect();
        let mut tree = Cli::command();
        tree.build();
        let error = tree.clone().try_get_matches_from(&arguments).unwrap_err();
        let words = explain(error, &tree, arguments.into_iter()).to_string();
        assert!(!words.contains("similar"), "{words}");
        words.lines().find_map(|line| line.trim().strip_prefix("tip: ").map(str::to_owned)).unwrap_or_default()
    }

    #[test]
    fn a_word_that_is_no_command_leads_to_the_one_that_does_it() {
        for (line, meant) in [
            ("health", "`apiary status` or `apiary doctor`"),
            ("submit", "`apiary process submit`"),
            ("sumbit", "`apiary process submit`"),
            ("Status", "`apiary status`"),
            ("approve", "`apiary executor approve`"),
            ("explain", "`apiary process explain`"),
            ("ps", "`apiary process list`"),
            ("proces", "`apiary process`"),
            ("brokr", "`apiary broker`"),
            ("redrive", "`apiary process redrive`"),
            ("keygen", "`apiary key new`"),
            ("send", "`apiary webhook send`"),
            ("process status", "`apiary process show`"),
            ("process sumbit", "`apiary process submit`"),
            ("process ls", "`apiary process list`"),
            ("--data x process tail", "`apiary process watch`"),
            ("grant create", "`apiary grant add`"),
            ("grant delete", "`apiary grant revoke`"),
            ("key generate", "`apiary key new`"),
            ("limit add", "`apiary limit set`"),
            ("process pause", "`apiary pause`"),
            ("grant keygen", "`apiary key new`"),
            ("help health", "`apiary status` or `apiary doctor`"),
            ("help sumbit", "`apiary process submit`"),
            ("help process sumbit", "`apiary process submit`"),
        ] {
            assert!(tip(line).contains(meant), "{line}: {}", tip(line));
        }
        for line in ["xylophone", "help xylophone", "process xylophone"] {
            assert_eq!(tip(line), "", "{line}");
        }
    }

    #[test]
    fn every_command_that_is_suggested_exists() {
        let tree = Cli::command();
        for command in MEANT.iter().flat_map(|(_, commands)| *commands) {
            let words = command.split(' ').take_while(|word| !word.starts_with('-'));
            words.fold(&tree, |at, word| {
                at.find_subcommand(word).unwrap_or_else(|| panic!("`{command}` is no command"))
            });
        }
    }
}
