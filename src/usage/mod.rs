//! Records and what hooks tell become responses, counted once each, with their price.

pub mod meter;
pub mod pairing;
pub mod price;
pub mod work;
