//! Where reports go.

use std::io::Write;
use std::time::{Duration, SystemTime};

use crate::machine;
use crate::print::{Paint, clock, human};
use crate::report::Report;
use crate::value::Arguments;

/// What is told, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// All, to people.
    Human,
    /// All, to machines.
    Machine,
    /// The results of steps alone.
    Results,
    /// The results of steps, and all else to people on standard error.
    Verbose,
}

/// Writes lines above the one that is being edited.
pub(crate) type Above = Box<dyn FnMut(&str)>;

/// Writes reports.
pub(crate) struct Screen {
    format: Format,
    paint: Paint,
    above: Option<Above>,
}

impl Screen {
    pub(crate) fn new(format: Format, paint: Paint) -> Self {
        Self { format, paint, above: None }
    }

    pub(crate) fn set_above(&mut self, above: Option<Above>) {
        self.above = above;
    }

    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Tells of something.
    pub(crate) fn tell(&mut self, report: &Report) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or(Duration::ZERO);
        let line = match self.format {
            Format::Human | Format::Verbose => human(report, &clock(now), self.paint),
            Format::Machine => machine::line(report, now.as_millis()),
            Format::Results => return,
        };
        if self.format == Format::Verbose {
            let _ = writeln!(std::io::stderr(), "{line}");
        } else {
            self.write(line);
        }
    }

    /// Tells what a step of a script was for.
    pub(crate) fn result(&mut self, args: &Arguments) {
        match self.format {
            Format::Results | Format::Verbose => self.write(machine::array(args)),
            // It was told when it came.
            Format::Human | Format::Machine => {}
        }
    }

    fn write(&mut self, mut line: String) {
        line.push('\n');
        if let Some(above) = &mut self.above {
            above(&line);
            return;
        }
        let mut out = std::io::stdout().lock();
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            // Nobody reads any more.
            std::process::exit(1);
        }
    }
}
