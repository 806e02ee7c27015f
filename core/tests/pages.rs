//! What the pages of the documentation say about tests.

use std::path::Path;

/// The pieces of a text that stand between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_that_the_page_about_hostile_input_names_exists() {
    let page = include_str!("../src/hostile.md");
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
    assert!(tests >= 70 && files >= 90, "{tests} tests and {files} files");
}
