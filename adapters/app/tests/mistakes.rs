//! What the compiler says about mistakes with handlers: the words that help, which must be there.
//!
//! Each file in `mistakes` ends with what is to be said about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn mistakes_are_explained_by_the_compiler() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
    let mistakes = mistakes(&here.join("tests/mistakes"));
    make_package(here, &package, &mistakes);

    let mut silent = Vec::new();
    for mistake in &mistakes {
        let name = mistake.file_stem().and_then(|name| name.to_str()).expect("a name in ASCII");
        let said = check(&package, name);
        let text = fs::read_to_string(mistake).expect("the file can be read");
        let wanted: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("// says: ")).collect();
        assert!(!wanted.is_empty(), "{name} does not say what is to be said");
        // Long lines are broken, and the names of types may come with their paths.
        let flat = |text: &str| {
            let words: Vec<_> = text.split_whitespace().filter(|word| *word != "|").collect();
            words.join(" ").replace("sockeye_app::", "").replace("std::string::", "")
        };
        let missing = wanted.into_iter().filter(|wanted| !flat(&said).contains(&flat(wanted)));
        silent.extend(missing.map(|wanted| format!("{name} lacks {wanted:?}:\n{said}")));
    }

    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

fn mistakes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

/// Makes a package with a program for each mistake, that depends on what is tested here.
fn make_package(here: &Path, package: &Path, mistakes: &[PathBuf]) {
    let workspace = here.join("../..");
    fs::create_dir_all(package.join("src")).expect("a folder can be made");
    let mut manifest = format!(
        "[package]\nname = \"mistakes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\nsockeye-app = {{ path = {here:?} }}\n"
    );
    for mistake in mistakes {
        let name = mistake.file_stem().and_then(|name| name.to_str()).expect("a name in ASCII");
        manifest += &format!("\n[[bin]]\nname = {name:?}\npath = {mistake:?}\n");
    }
    fs::write(package.join("Cargo.toml"), manifest).expect("the manifest can be written");
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).expect("a copy can be made");
}

/// What the compiler says about a program that is wrong.
fn check(package: &Path, name: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["check", "--offline", "--quiet", "--color=never", "--bin", name])
        .current_dir(package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo can be run");
    assert!(!output.status.success(), "{name} compiles");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
