//! Owns the terminal: tables, colour, prompts.
