//! Names of namespaces.

/// The name of a namespace with the slash in front, which may be left out.
pub(crate) fn full_name(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/{name}") }
}
