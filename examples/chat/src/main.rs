//! A chat in the browser: rooms, private messages, pictures.
//!
//! `app.rs` is what the server says and hears, `hall.rs` keeps who is where and what was said, and
//! `names.rs` tells which names may stand beside each other. The page is in `web/`.

mod app;
mod hall;
mod names;
mod pages;

use std::process::ExitCode;

use pages::PAGES;
use sockeye_smol::Serve;

fn main() -> ExitCode {
    let run = || {
        let port = port(std::env::args().skip(1), std::env::var("PORT").ok())?;
        serve(port).map_err(|error| error.to_string())
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sockeye-chat: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> std::io::Result<()> {
    let server = app::app().bind(("0.0.0.0", port))?;
    let server =
        PAGES.iter().fold(server, |server, (path, kind, body)| server.page(*path, kind, *body));
    println!("listening on http://localhost:{}", server.local_addr()?.port());
    server.serve()
}

/// The port: `--port` on the command line, else `PORT` in the environment, else 3000.
fn port(mut args: impl Iterator<Item = String>, env: Option<String>) -> Result<u16, String> {
    let given = match (args.next().as_deref(), args.next()) {
        (None, _) => env,
        (Some("--port"), Some(port)) => Some(port),
        (Some(_), _) => return Err("usage: sockeye-chat [--port PORT]".to_owned()),
    };
    let Some(given) = given else { return Ok(3000) };
    given.parse().map_err(|_| format!("{given:?} is no port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_comes_from_the_command_line_then_the_environment_then_the_default() {
        let args = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let port = |list: &[&str], env: Option<&str>| {
            port(args(list).into_iter(), env.map(ToOwned::to_owned))
        };
        assert_eq!(port(&["--port", "1"], Some("2")), Ok(1));
        assert_eq!(port(&[], Some("2")), Ok(2));
        assert_eq!(port(&[], None), Ok(3000));
        assert!(port(&["--port"], None).is_err());
        assert!(port(&["--port", "x"], None).is_err());
        assert!(port(&["--help"], None).is_err());
    }
}
