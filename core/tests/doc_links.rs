//! What the pages of the documentation say about tests.

use std::path::Path;

/// The pieces of a text that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_pages_about_hostile_input_name_exists() {
    let (tests, files) = count(include_str!("../src/manual/hostile.md"));
    assert!(tests >= 75 && files >= 65, "{tests} tests and {files} files");
    let (tests, files) = count(include_str!("../src/manual/hostile_inputs.md"));
    assert!(tests >= 460 && files >= 395, "{tests} tests and {files} files");
}

/// Looks for the tests in the last column of a page; says how many there are, in how many files.
fn count(page: &str) -> (usize, usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut tests, mut files) = (0, 0);
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let Some(cell) = row.trim_end_matches(" |").rsplit(" | ").next() else { continue };
        let mut source = String::new();
        for name in quoted(cell) {
            if name.contains('/') {
                let read = std::fs::read_to_string(root.join(name));
                source = read.unwrap_or_else(|error| panic!("{name}: {error}"));
                files += 1;
            } else {
                let (rust, script) = (format!("fn {name}("), format!("test(\"{name}\""));
                assert!(source.contains(&rust) || source.contains(&script), "{name} in {row}");
                tests += 1;
            }
        }
    }
    (tests, files)
}
