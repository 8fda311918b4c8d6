//! Pure. Codex's own command line, as data: what it will do, and how the same work goes on with another model.
