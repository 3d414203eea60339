//! `apiary completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::app::Cli;
use crate::output::print_line;

const EXAMPLES: &str = "\
Examples:
  apiary completions bash > ~/.local/share/bash-completion/completions/apiary
  apiary completions zsh > ~/.zfunc/_apiary
  apiary completions fish > ~/.config/fish/completions/apiary.fish";

/// Print the completions for a shell
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "apiary", &mut script);
    print_line(String::from_utf8_lossy(&script).trim_end())
}
