//! A stream of server-sent events, cut into whole events as its bytes come.

use memchr::memmem;

/// The longest event that is read: one that is larger is passed on unread.
const LONGEST: usize = 64 * 1024 * 1024;

/// What has come and is no whole event yet.
#[derive(Debug, Default)]
pub(super) struct Events {
    rest: Vec<u8>,
    /// Where no end was found so far.
    looked: usize,
}

impl Events {
    /// Takes more bytes; gives the events that are whole now, each with the blank line that ends it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.end() {
            let more = self.rest.split_off(end);
            events.push(std::mem::replace(&mut self.rest, more));
            self.looked = 0;
        }
        // An end may lie across what has come and what comes.
        self.looked = self.rest.len().saturating_sub(3);
        if self.rest.len() > LONGEST {
            events.push(std::mem::take(&mut self.rest));
            self.looked = 0;
        }
        events
    }

    /// What is left when nothing more comes.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.rest)
    }

    fn end(&self) -> Option<usize> {
        let new = self.rest.get(self.looked..)?;
        let plain = memmem::find(new, b"\n\n").map(|at| at + 2);
        let returns = memmem::find(new, b"\r\n\r\n").map(|at| at + 4);
        let first = [plain, returns].into_iter().flatten().min()?;
        Some(self.looked + first)
    }
}

/// The data of an event, its lines put together; nothing where it has none.
pub(super) fn data(event: &[u8]) -> Vec<u8> {
    let lines = event.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let values = lines.filter_map(|line| line.strip_prefix(b"data:"));
    let values: Vec<&[u8]> = values.map(|value| value.strip_prefix(b" ").unwrap_or(value)).collect();
    values.join(&b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_read_whichever_way_its_lines_end() {
        for (text, is) in [
            ("event: a\ndata: {}\n\n", "{}"),
            ("data:{}\r\n\r\n", "{}"),
            ("data: a\ndata: b\n\n", "a\nb"),
            (": only a comment\n\n", ""),
        ] {
            assert_eq!(data(text.as_bytes()), is.as_bytes(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn events_are_the_same_however_the_bytes_come(cuts in proptest::collection::vec(1_usize..12, 0..40)) {
            let text = b"event: a\ndata: {\"x\":1}\n\ndata: two\r\n\r\n: c\n\ndata: [DONE]\n\nrest".to_vec();
            let mut whole = Events::default();
            let all = whole.feed(&text);
            let (mut pieces, mut found, mut at) = (Events::default(), Vec::new(), 0);
            for cut in cuts {
                let end = (at + cut).min(text.len());
                found.extend(pieces.feed(&text[at..end]));
                at = end;
            }
            found.extend(pieces.feed(&text[at..]));
            prop_assert_eq!(&found, &all);
            let mut passed: Vec<u8> = found.concat();
            passed.extend(pieces.rest());
            prop_assert_eq!(passed, text);
        }
    }
}
