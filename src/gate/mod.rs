//! Owns the socket on which a run is spoken to.
