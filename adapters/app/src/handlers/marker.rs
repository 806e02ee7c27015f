//! Types that keep implementations of one trait apart; always inferred, never written.

/// Marks parameters that are what they are.
#[derive(Debug)]
pub struct Itself;

/// Marks parameters that are decoded from an argument.
#[derive(Debug)]
pub struct Decoded;

/// Marks answers that may be errors instead.
#[derive(Debug)]
pub struct Fallible<M>(std::marker::PhantomData<M>);

/// Marks handlers that return what they have to say.
#[derive(Debug)]
pub struct Immediate;

/// Marks handlers that go on when their connection is over.
#[derive(Debug)]
pub struct Detaching<M>(std::marker::PhantomData<M>);

/// Marks handlers that return a future of what they have to say.
#[derive(Debug)]
pub struct Async;
