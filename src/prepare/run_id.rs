//! The names of runs: new ones by time and chance, and those of sessions that no govern started.

use crate::model::{RunId, ThreadId};

/// Twelve characters that sort by time: 42 bits of milliseconds since 1970 (they last until 2109)
/// and 18 of chance.
pub(crate) fn new_run() -> RunId {
    id_of(uuid::Uuid::now_v7())
}

/// The run that a session is where no govern started it: of the root thread's own time and chance.
pub(crate) fn run_of(thread: &ThreadId) -> RunId {
    let own = uuid::Uuid::parse_str(thread.as_str()).ok();
    // Codex names threads by such ids; anything else is taken by its digest.
    id_of(own.unwrap_or_else(|| uuid::Uuid::from_bytes(first_half(thread.as_str()))))
}

fn first_half(text: &str) -> [u8; 16] {
    use sha2::{Digest, Sha256};
    let mut half = [0; 16];
    half.iter_mut().zip(Sha256::digest(text)).for_each(|(to, from)| *to = from);
    half
}

fn id_of(unique: uuid::Uuid) -> RunId {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits = unique.as_u128();
    let time = (bits >> 80) & 0x3ff_ffff_ffff;
    let chance = bits & 0x3_ffff;
    let mut number = (time << 18) | chance;
    let mut text = [b'0'; 12];
    for place in text.iter_mut().rev() {
        *place = DIGITS.get(usize::try_from(number & 31).unwrap_or_default()).copied().unwrap_or(b'0');
        number >>= 5;
    }
    RunId::new(String::from_utf8_lossy(&text).into_owned())
}
