//! A terminal client for Socket.IO servers: emit, listen and answer, by hand or by script.
//!
//! `args.rs` reads the arguments of the program, `command.rs` the commands of prompt and scripts,
//! `value.rs` the arguments of events. `link.rs` makes the client, `session.rs` keeps the state,
//! `prompt.rs` and `script.rs` are the two ways of using it. What there is to tell is a `report.rs`,
//! which `print.rs` writes for people and `machine.rs` for machines.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "what is not expected fails the test"))]

mod args;
mod command;
mod complete;
mod editor;
mod failure;
mod history;
mod inform;
mod json;
mod link;
mod machine;
mod options;
mod print;
mod prompt;
mod report;
mod screen;
mod script;
mod session;
mod terminal;
mod value;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;

use smol::LocalExecutor;
use sockeye_smol::client::ConnectError;

use args::Wish;
use failure::Failure;
use options::{Color, Options};
use print::{Paint, Tone, plain};
use report::Report;
use screen::{Format, Screen};
use session::Session;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args_os(), &mut args::read_file) {
        Ok(Wish::Help) => say(args::HELP),
        Ok(Wish::Version) => say(concat!("sockeye-cli ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Wish::Run(options)) => run(*options),
        Err(message) => Err(Failure::usage(format!("{message}\n(--help shows how to use it)"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let is_red = paints(Color::Auto, &std::io::stderr());
            let name = Paint(is_red).over(Tone::Bad, "sockeye-cli:");
            let message: Vec<String> = failure.message.lines().map(plain).collect();
            let _ = writeln!(std::io::stderr(), "{name} {}", message.join("\n"));
            failure.code()
        }
    }
}

fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).map_err(|error| Failure::unforeseen(error.to_string()))
}

fn run(options: Options) -> Result<(), Failure> {
    let has_steps = !options.steps.is_empty() || options.listen;
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let is_prompt = !has_steps && is_terminal;
    let format = match (options.json, options.steps.is_empty() || options.listen) {
        (true, _) => Format::Machine,
        (false, true) => Format::Human,
        (false, false) if options.verbose => Format::Verbose,
        (false, false) => Format::Results,
    };
    let paint = match format {
        Format::Human => Paint(paints(options.color, &std::io::stdout())),
        Format::Verbose => Paint(paints(options.color, &std::io::stderr())),
        Format::Machine | Format::Results => Paint(false),
    };
    let executor = Rc::new(LocalExecutor::new());
    let session = Session::start(&options, Screen::new(format, paint), Rc::clone(&executor));
    let mut session = session.map_err(|error| match error {
        ConnectError::Config(_) | ConnectError::Url(_) => Failure::usage(error.to_string()),
        other @ (ConnectError::System(_) | _) => Failure::unforeseen(other.to_string()),
    })?;
    let work = async {
        if is_prompt {
            prompt::run(&mut session, options.history).await
        } else {
            script::run(&mut session, options).await
        }
    };
    let done = smol::block_on(executor.run(work));
    if let (Format::Machine, Err(failure)) = (format, &done) {
        session.screen.tell(&Report::Error(failure.message.clone()));
    }
    let ended = session.end();
    done.and_then(|()| ended.map_err(|error| Failure::connection(error.to_string())))
}

/// Whether what goes there is to be coloured.
fn paints(color: Color, target: &impl IsTerminal) -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => target.is_terminal() && !is_set("NO_COLOR") && !is_dumb,
    }
}
