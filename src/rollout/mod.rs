//! Pure. One line of a session file becomes one record.
