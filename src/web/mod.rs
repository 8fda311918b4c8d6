//! The listener: what a browser or a scraper asks over HTTP.

pub mod body;
pub mod doors;
pub mod endpoint;
pub mod host;
pub mod listener;

pub use hyper::body::Bytes;
pub use hyper::header;

pub use body::Body;
pub use doors::{Doors, Entry};
pub use endpoint::{Listener, Way, WhoSpeaks};
pub use host::Takes;
pub use listener::{Answer, Asked, serve};
