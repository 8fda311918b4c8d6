//! Pure. Records become responses, counted once each, with their price.

pub mod meter;
pub mod price;
pub mod work;
