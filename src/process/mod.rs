//! Owns processes: starting, finding, signalling and reaping them; the guard; the terminal.
