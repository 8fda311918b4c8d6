//! Owns the session files: where they are, when they change, and their bytes as whole lines.
