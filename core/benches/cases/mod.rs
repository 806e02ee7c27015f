//! What is measured. Each operation looks whether it did what it is to do, which costs next to
//! nothing.

mod growth;
mod operations;

pub(crate) use growth::GROWTHS;
pub(crate) use operations::OPERATIONS;

/// Something that can be done over and over.
pub(crate) type Act = Box<dyn FnMut()>;

/// One operation in a small server, or in none at all.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) make: fn() -> Act,
}

/// One operation where there is more and more of something.
#[derive(Clone, Copy)]
pub(crate) struct Growth {
    pub(crate) name: &'static str,
    /// How much of it there is.
    pub(crate) sizes: &'static [usize],
    /// How many operations are done at once where there is so much.
    pub(crate) at_once: fn(usize) -> usize,
    pub(crate) make: fn(usize) -> Act,
}
