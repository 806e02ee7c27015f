//! Randomness.

use sockeye_core::ConfigError;

/// Random numbers of the system's, from which ids are drawn.
pub(crate) fn seed() -> Result<[u8; 32], ConfigError> {
    let mut seed = [0; 32];
    let missing = ConfigError { field: "seed", problem: "the system has no random numbers" };
    getrandom::fill(&mut seed).map_err(|_| missing)?;
    Ok(seed)
}
