//! A load generator for Socket.IO servers, on one thread.
//!
//! Its main figure is the CPU time that the server takes for an operation, which the kernel
//! knows: unlike throughput and latency, it stays meaningful when the machine is busy or this
//! program is the slower side. Every answer is compared byte for byte, and whatever is wrong,
//! missing or too much ends the program with status 1.

mod avalanche;
mod cases;
mod churn;
mod deliver;
mod dial;
mod exchange;
mod http;
mod polling;
mod process;
mod run;
mod session;

use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::Message;

use avalanche::Avalanche;
use cases::{CASES, Case, Work, echo};
use polling::Polling;
use process::Processes;
use run::{Figures, Run};
use session::Session;

const USAGE: &str = "\
usage: sockeye-bench-load CASE ADDRESS PID [--secs S] [--warm-up S] [--connections N]

ADDRESS is where the server listens, PID its process. The result is one line of JSON.
CASE is one of:";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(problem) => {
            let names: Vec<_> = CASES.iter().map(|case| case.name).collect();
            eprintln!("{problem}\n\n{USAGE} {}", names.join(", "));
            return ExitCode::from(2);
        }
    };
    let run = Run::new(options.server);
    match run.block_on(options.run(&run)) {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{}: {failure}", options.case.name);
            ExitCode::FAILURE
        }
    }
}

struct Options {
    case: &'static Case,
    server: std::net::SocketAddr,
    pid: u32,
    time: Duration,
    warm_up: Duration,
    connections: usize,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let [name, server, pid, rest @ ..] = arguments else {
            return Err("too few arguments".into());
        };
        let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;
        let mut options = Self {
            case,
            server: server.parse().map_err(|_| "no address")?,
            pid: pid.parse().map_err(|_| "no process")?,
            time: Duration::from_secs(2),
            warm_up: Duration::from_secs(1),
            connections: case.connections,
        };
        for pair in rest.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} needs a value", pair[0])) };
            let seconds = || {
                let secs = value.parse().map_err(|_| "no number of seconds")?;
                Duration::try_from_secs_f64(secs).map_err(|_| "no number of seconds")
            };
            match name.as_str() {
                "--secs" => options.time = seconds()?,
                "--warm-up" => options.warm_up = seconds()?,
                "--connections" => options.connections = value.parse().map_err(|_| "no number")?,
                _ => return Err(format!("no option {name}")),
            }
        }
        Ok(options)
    }

    async fn run(&self, run: &Rc<Run>) -> Result<String, String> {
        let processes = Processes::of(self.pid);
        let empty = processes.resident()?;
        let open = || run.open(self.connections, Session::open);
        // They work as long as their tasks are held.
        let _tasks = match self.case.work {
            Work::Exchange(what, size, in_flight) => {
                exchange::exchange(run, open().await?, what, size, in_flight)
            }
            Work::Deliver(event, members) => {
                deliver::deliver(run, open().await?, event, members).await?
            }
            Work::Poll => {
                exchange::poll(run, run.open(self.connections, Polling::open_both).await?)
            }
            Work::Connect(arrival) => churn::churn(run, self.connections, arrival),
            Work::Idle => {
                let mut sessions = open().await?;
                run.wait(self.time).await?;
                let resident = processes.resident()?;
                for (i, session) in sessions.iter_mut().enumerate() {
                    let echo = Message::text(echo(i, 0, 32));
                    session.send([echo.clone()]).await?;
                    session.expect(&echo).await?;
                }
                return Ok(self.memory(resident.saturating_sub(empty)));
            }
            Work::Avalanche => {
                let sessions = open().await?;
                return Ok(self.return_of(&avalanche::avalanche(run, &processes, sessions).await?));
            }
        };
        let figures = run.measure(&processes, self.warm_up, self.time).await?;
        Ok(self.times(&figures))
    }

    fn memory(&self, bytes: u64) -> String {
        let (case, connections) = (self.case.name, self.connections);
        let each = bytes as f64 / connections as f64;
        format!(
            r#"{{"case":"{case}","connections":{connections},"bytes_per_connection":{each:.0}}}"#
        )
    }

    fn return_of(&self, figures: &Avalanche) -> String {
        let (case, connections) = (self.case.name, self.connections);
        let (secs, cpu) = (figures.time.as_secs_f64(), figures.server.as_secs_f64());
        let (failed, [before, peak, after]) = (figures.failed, figures.resident);
        format!(
            r#"{{"case":"{case}","connections":{connections},"secs":{secs:.3},"server_cpu_secs":{cpu:.2},"failed_attempts":{failed},"resident_before":{before},"resident_peak":{peak},"resident_after":{after}}}"#
        )
    }

    fn times(&self, figures: &Figures) -> String {
        let (case, connections) = (self.case.name, self.connections);
        let (operations, secs) = (figures.operations, figures.time.as_secs_f64());
        let server = figures.server.as_secs_f64();
        let each = server * 1e6 / operations.max(1) as f64;
        let per_second = operations as f64 / secs;
        let (busy, load) = (server / secs, figures.load.as_secs_f64() / secs);
        format!(
            r#"{{"case":"{case}","connections":{connections},"operations":{operations},"secs":{secs:.3},"cpu_us_per_operation":{each:.3},"operations_per_second":{per_second:.0},"server_busy":{busy:.2},"load_busy":{load:.2}}}"#
        )
    }
}
