fn main() {
    let _ = sockeye_app::App::new().of_matching(|name| name.len(), |namespace| namespace);
}
// says: `usize` does not say whether a name matches
