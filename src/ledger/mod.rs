//! Owns the ledger, a SQLite database: append-only events in hash chains, and what is summed from them.
