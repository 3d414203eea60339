//! `apiary top`: the colony, live.

mod screen;
mod view;

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use apiary_executor_sdk::{Client, v1};
use apiary_protocol::snapshot::Snapshot;
use clap::Args;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use self::view::{View, draw};
use crate::context::Context;
use crate::daemon::Signals;
use crate::exit::{self, Fault};
use crate::settings::table as settings_table;
use crate::{profile, snapshot};
use screen::Screen;

/// Keys and answers that wait to be looked at.
const QUEUE: usize = 32;
/// Time between two looks at the keyboard, after which its thread ends with the command.
const KEY_WAIT: Duration = Duration::from_millis(200);
/// Latest events that are shown.
const EVENTS_MAX: i32 = 20;

const EXAMPLES: &str = "\
Examples:
  apiary top
  apiary top --every 1s";

/// Show the colony live: queues, executors, throughput, findings, latest events
///
/// Keys: q quits, p sorts the queues by another column, the arrows move the list of findings. Needs the right `read`;
/// the latest events need `read_events`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Time between two looks
    #[arg(long, value_name = "DURATION", value_parser = crate::arguments::duration, default_value = "2s")]
    every: Duration,
}

/// A reason to draw again.
enum Change {
    Answer(Box<Result<(Snapshot, Vec<String>), String>>),
    Key(KeyEvent),
    Resized,
}

pub(crate) async fn run(arguments: &Arguments, context: &Context) -> anyhow::Result<()> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Fault::usage("`top` needs a terminal").hint("`apiary status` prints the same once").into());
    }
    let client = profile::client(&context.settings)?;
    // Before the terminal is changed: a key that may not read, or a broker that is away, is said in the usual way.
    let first = read(&client, context).await?;
    let address = context.settings.text(&settings_table::BROKER_ADDRESS).unwrap_or_default().to_owned();
    let mut view = View::new(address);
    view.take(first.0, first.1);
    let mut signals = Signals::listen()?;
    let mut terminal = Screen::open()?;
    let shown = signals.unless(show(terminal.get(), &mut view, &client, context, arguments.every)).await;
    drop(terminal);
    shown.unwrap_or(Ok(()))
}

/// Draws until `q`.
async fn show(
    terminal: &mut DefaultTerminal,
    view: &mut View,
    client: &Client,
    context: &Context,
    every: Duration,
) -> anyhow::Result<()> {
    let (sender, mut changes) = mpsc::channel(QUEUE);
    let keys = sender.clone();
    std::thread::spawn(move || follow_keys(&keys));
    let answers = async {
        loop {
            tokio::time::sleep(every).await;
            let answer = read(client, context).await.map_err(|error| exit::words(&error));
            if sender.send(Change::Answer(Box::new(answer))).await.is_err() {
                return;
            }
        }
    };
    let drawn = async {
        loop {
            terminal.draw(|frame| draw(frame, view))?;
            match changes.recv().await {
                None => return Ok(()),
                Some(Change::Resized) => {}
                Some(Change::Answer(answer)) => match *answer {
                    Ok((snapshot, events)) => view.take(snapshot, events),
                    Err(problem) => view.miss(problem),
                },
                Some(Change::Key(key)) if is_end(key) => return Ok(()),
                Some(Change::Key(key)) => view.press(key.code),
            }
        }
    };
    tokio::select! {
        ended = drawn => ended,
        () = answers => Ok(()),
    }
}

fn is_end(key: KeyEvent) -> bool {
    let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    is_interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

/// Hands on keys, until nobody takes them or the terminal is gone.
fn follow_keys(changes: &mpsc::Sender<Change>) {
    while !changes.is_closed() {
        let change = match event::poll(KEY_WAIT) {
            Ok(false) => continue,
            Ok(true) => match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => Change::Key(key),
                Ok(Event::Resize(..)) => Change::Resized,
                Ok(_) => continue,
                Err(_) => return,
            },
            Err(_) => return,
        };
        if changes.blocking_send(change).is_err() {
            return;
        }
    }
}

async fn read(client: &Client, context: &Context) -> anyhow::Result<(Snapshot, Vec<String>)> {
    let snapshot = snapshot::read(client, &context.settings).await?;
    let last = v1::ListEventsRequest { last: EVENTS_MAX, ..v1::ListEventsRequest::default() };
    let events = match client.list_events(last).await {
        Ok(page) => page.events.iter().rev().map(view::event_line).collect(),
        Err(error) if error.reason() == Some("NOT_PERMITTED") => {
            vec!["hidden: they need the right `read_events`".to_owned()]
        }
        Err(_) => Vec::new(),
    };
    Ok((snapshot, events))
}
