//! Pure. The governor: what has happened goes in, what is to be done comes out.
