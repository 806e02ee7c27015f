//! Contract C: the official clients' own suites.

mod engine;
mod socket;

use sockeye_smol::IntoMachine;

pub(crate) fn app() -> impl IntoMachine {
    (socket::app(), engine::app())
}
