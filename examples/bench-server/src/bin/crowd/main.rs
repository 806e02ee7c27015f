//! A server with a hundred thousand WebSockets, more than a process has descriptors for: over
//! streams in memory, to clients that answer pings and see that those come in time.
//!
//! Streams and clients are measured without the server, too, so that its part can be told. Whatever
//! is wrong, missing or late ends the program with status 1.

mod crowd;
mod pipe;
#[path = "../load/process.rs"]
mod process;

use std::process::{Command, ExitCode, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crowd::{Crowd, Outcome};
use pipe::Stream;
use process::Processes;
use sockeye_smol::{App, Io, Limits, Peer, Server, ServerConfig, Socket};

const USAGE: &str = "usage: sockeye-bench-crowd [CONNECTIONS] [--secs S] [--ping-secs S]";
/// The word for a run without the server.
const ALONE: &str = "--alone";
/// How many pings each client gets in it.
const ROUNDS: usize = 10;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let crowd = Crowd::new(options.connections);
    let line = if arguments.iter().any(|it| it == ALONE) {
        crowd.block_on(alone(&crowd))
    } else {
        crowd.block_on(served(&crowd, &options))
    };
    match line {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    connections: usize,
    time: Duration,
    interval: Duration,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let mut options = Self {
            connections: 100_000,
            time: Duration::from_secs(30),
            interval: Duration::from_secs(10),
        };
        let mut rest = arguments.iter();
        while let Some(word) = rest.next() {
            let mut seconds = || Duration::try_from_secs_f64(rest.next()?.parse().ok()?).ok();
            match word.as_str() {
                "--secs" => options.time = seconds()?,
                "--ping-secs" => options.interval = seconds()?,
                ALONE => {}
                number => options.connections = number.parse().ok().filter(|&it| it > 0)?,
            }
        }
        Some(options)
    }
}

/// What is measured with the server as well as without.
struct Shared {
    bytes: f64,
    heartbeat: f64,
}

/// Streams and clients, with somebody in place of the server who says what is to be said.
async fn alone(crowd: &Rc<Crowd>) -> Outcome<String> {
    let this = Processes::of(std::process::id());
    let each = |total: f64| total / crowd.size() as f64;
    let empty = this.resident()?;
    let mut streams = Vec::with_capacity(crowd.size());
    let serve = |stream: Stream| {
        stream.welcome();
        streams.push(stream);
    };
    crowd.open(crowd.size(), serve).await?;
    streams.iter().for_each(Stream::forget);
    let bytes = each((this.resident()? - empty) as f64);
    let cpu = this.cpu()?;
    for round in 1..=ROUNDS {
        streams.iter().for_each(Stream::ping);
        crowd.until(|crowd| crowd.heartbeats() == round * crowd.size()).await?;
        streams.iter().for_each(Stream::forget);
    }
    let heartbeat = each(micros(this.cpu()? - cpu)) / ROUNDS as f64;
    Ok(format!("{bytes} {heartbeat}"))
}

/// Runs this program without the server.
fn without_server(connections: usize) -> Outcome<Shared> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args([ALONE, &connections.to_string()]).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| error.to_string())?;
    let line = String::from_utf8_lossy(&output.stdout);
    let figures: Option<Vec<f64>> = line.split_whitespace().map(|it| it.parse().ok()).collect();
    match figures.as_deref() {
        Some(&[bytes, heartbeat]) => Ok(Shared { bytes, heartbeat }),
        _ => Err("it does not work without the server".into()),
    }
}

async fn served(crowd: &Rc<Crowd>, options: &Options) -> Outcome<String> {
    let (size, interval) = (crowd.size(), options.interval);
    let alone = without_server(size)?;
    let this = Processes::of(std::process::id());
    let each = |total: f64| total / size as f64;
    let server = server(size, interval).map_err(|error| error.to_string())?;
    let empty = this.resident()?;
    let serve = |stream| {
        let server = server.clone();
        crowd.spawn(async move {
            server.connection(stream, Peer::default()).await;
            Err("the server is done with a connection".into())
        });
    };

    // In tenths, of which the last should take no longer than the first.
    let mut opening = Vec::new();
    for tenth in 1..=10 {
        let cpu = this.cpu()?;
        let count = size * tenth / 10 - size * (tenth - 1) / 10;
        crowd.open(count, serve).await?;
        opening.push(micros(this.cpu()? - cpu) / count.max(1) as f64);
    }
    let (cpu, heartbeats) = (this.cpu()?, crowd.heartbeats());
    crowd.rest(options.time, interval + interval / 2).await?;
    let heartbeats = crowd.heartbeats() - heartbeats;
    let heartbeat = micros(this.cpu()? - cpu) / heartbeats.max(1) as f64;
    let bytes = each((this.resident()? - empty) as f64);

    let cpu = this.cpu()?;
    crowd.broadcast();
    crowd.until(|crowd| crowd.deliveries() == size).await?;
    let delivery = each(micros(this.cpu()? - cpu));
    let cpu = this.cpu()?;
    crowd.echo();
    crowd.until(|crowd| crowd.echoes() == size).await?;
    let echo = each(micros(this.cpu()? - cpu));

    let (first, last) = (opening[0], opening[9]);
    let (server_bytes, server_heartbeat) = (bytes - alone.bytes, heartbeat - alone.heartbeat);
    Ok(format!(
        r#"{{"connections":{size},"bytes_per_connection":{bytes:.0},"of_the_server":{server_bytes:.0},"connect_us_first_tenth":{first:.1},"connect_us_last_tenth":{last:.1},"heartbeats":{heartbeats},"heartbeat_us":{heartbeat:.2},"heartbeat_us_of_the_server":{server_heartbeat:.2},"delivery_us":{delivery:.2},"echo_us":{echo:.2}}}"#
    ))
}

fn server(connections: usize, interval: Duration) -> std::io::Result<Server> {
    let mut config = ServerConfig::default();
    config.engine.ping_interval = interval;
    config.engine.ping_timeout = interval / 2;
    let app = App::new()
        .config(config)
        .on("echo", |socket: Socket, payload: String| socket.emit("echo", payload))
        .on("broadcast", |io: Io, payload: String| io.emit("broadcast", payload));
    let limits = Limits { max_connections: connections, ..Limits::default() };
    Ok(Server::new(app)?.limits(limits))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
