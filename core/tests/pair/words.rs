//! Events in words.

use sockeye_core::client::Event as Told;
use sockeye_core::{Args, Event as Heard};

pub(crate) fn client(event: &Told) -> String {
    match event {
        Told::Opened { transport, attempts: 0 } => format!("opened by {}", transport.as_str()),
        Told::Opened { transport, attempts } => {
            format!("opened by {} after {attempts}", transport.as_str())
        }
        Told::Upgraded => "upgraded".to_owned(),
        Told::NotUpgraded { fault } => format!("not upgraded: {fault}"),
        Told::Failed { attempt, fault } => format!("failed {attempt}: {fault}"),
        Told::Closed { reason, fault: None } => format!("closed: {reason}"),
        Told::Closed { reason, fault: Some(fault) } => format!("closed: {reason}: {fault}"),
        Told::Reconnecting { attempt } => format!("reconnecting {attempt}"),
        Told::GaveUp => "gave up".to_owned(),
        Told::Authenticating { .. } => "authenticating".to_owned(),
        Told::Connected { recovered: false, .. } => "connected".to_owned(),
        Told::Connected { recovered: true, .. } => "recovered".to_owned(),
        Told::Refused { message, data, .. } => format!("refused: {message} {}", list(data)),
        Told::Unanswered { .. } => "unanswered".to_owned(),
        Told::Received { name, args, ack, .. } => {
            let wants = if ack.is_some() { " wants ack" } else { "" };
            format!("{name}{}{wants}", list(args))
        }
        Told::Acked { result: Ok(args), .. } => format!("acked {}", list(args)),
        Told::Acked { result: Err(error), .. } => format!("not acked: {error}"),
        Told::Disconnected { reason, returns: true, .. } => format!("disconnected: {reason}"),
        Told::Disconnected { reason, returns: false, .. } => {
            format!("disconnected for good: {reason}")
        }
        Told::GivenUp { name, error, .. } => format!("gave up {name}: {error}"),
        other => panic!("unknown event {other:?}"),
    }
}

pub(crate) fn server(event: &Heard) -> String {
    match event {
        Heard::Connecting { namespace, auth, .. } => {
            format!("connecting {namespace} {}", list(auth))
        }
        Heard::Connected { namespace, auth, recovered, .. } => {
            let word = if *recovered { "recovered" } else { "connected" };
            format!("{word} {namespace} {}", list(auth))
        }
        Heard::Received { name, args, ack, .. } => {
            let wants = if ack.is_some() { " wants ack" } else { "" };
            format!("{name}{}{wants}", list(args))
        }
        Heard::Acked { result: Ok(args), .. } => format!("acked {}", list(args)),
        Heard::Acked { result: Err(error), .. } => format!("not acked: {error}"),
        Heard::Disconnected { reason, .. } => format!("disconnected: {reason}"),
        Heard::Upgraded { .. } => "upgraded".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Arguments as they stand on the wire, with binary values in hexadecimal.
pub(crate) fn list(args: &Args) -> String {
    let json: Vec<_> = args.iter().collect();
    let binary: Vec<_> = args
        .attachments()
        .iter()
        .map(|data| data.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        .collect();
    if binary.is_empty() {
        format!("[{}]", json.join(","))
    } else {
        format!("[{}]+{}", json.join(","), binary.join("+"))
    }
}
