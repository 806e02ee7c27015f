//! Takes sources of the adapters as they are, but for the parts of `std` that loom has to watch.

use std::path::PathBuf;
use std::{env, fs};

const SOURCES: [&str; 3] =
    ["app/src/state/driven.rs", "smol/src/signal.rs", "tiny-http/src/executor.rs"];

fn main() {
    let adapters = PathBuf::from("../../adapters");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    for name in SOURCES {
        let path = adapters.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = source.lines().filter(|line| !line.starts_with("//!"));
        let source = lines.fold(String::new(), |source, line| source + line + "\n");
        let source = source.replace("std::sync::", "crate::sync::");
        let source = source.replace("sockeye_app::Task", "crate::Task");
        let file = PathBuf::from(name);
        let file = file.file_name().expect("it is a file");
        fs::write(out.join(file), source).expect("the directory is there");
    }
}
