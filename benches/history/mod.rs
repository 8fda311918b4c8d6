//! A Codex home made up: sessions in the shapes of three generations of Codex, with the mix of lines and sizes that long
//! sessions have. The same home for the same numbers, so that runs can be compared.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// What a home is to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Session files.
    pub(crate) sessions: u64,
    /// Bytes of all of them together, about.
    pub(crate) bytes: u64,
    /// Over how many days they spread.
    pub(crate) days: u64,
}

/// What a home came to hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    /// Responses, each once.
    pub(crate) responses: u64,
    /// Their tokens.
    pub(crate) tokens: u64,
    /// Lines.
    pub(crate) lines: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// Small, quick, always the same (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end.max(1)
    }

    /// Mostly small, now and then very large: as tool outputs are.
    fn tailed(&mut self, usual: u64) -> u64 {
        match self.below(100) {
            0 => usual * 20,
            1..=9 => usual * 4,
            _ => self.below(usual * 2),
        }
    }
}

/// How a Codex writes what was used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Generation {
    /// 0.118: two counts a response, no ordinals.
    Twice,
    /// 0.135: one count a response.
    Once,
    /// 0.169: a record, then a count.
    Record,
}

#[derive(Clone, Copy, Default)]
struct Count {
    input: u64,
    cached: u64,
    output: u64,
    reasoning: u64,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.input += other.input;
        self.cached += other.cached;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }

    fn json(self) -> String {
        let Self { input, cached, output, reasoning } = self;
        format!(
            r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"cache_write_input_tokens":0,"output_tokens":{output},"reasoning_output_tokens":{reasoning},"total_tokens":{}}}"#,
            input + output
        )
    }
}

struct Session<'a> {
    out: BufWriter<File>,
    dice: &'a mut Dice,
    made: &'a mut Made,
    filler: &'a str,
    at: DateTime<Utc>,
    ordinal: u64,
    generation: Generation,
    thread: String,
    total: Count,
    written: u64,
}

/// Writes a home, whose first session began at `from`.
pub(crate) fn generate(home: &Path, size: Size, from: DateTime<Utc>) -> Made {
    let mut dice = Dice(size.sessions ^ size.bytes);
    let mut filler = String::with_capacity(1 << 20);
    while filler.len() < 1 << 20 {
        let _ = write!(filler, "{:016x} let x = f(a, b)?; \\n", dice.roll());
    }
    let mut made = Made::default();
    for number in 0..size.sessions {
        let minutes = number * size.days * 1_440 / size.sessions.max(1);
        let at = from + TimeDelta::minutes(i64::try_from(minutes).unwrap());
        let millis = u64::try_from(at.timestamp_millis()).unwrap();
        let thread = Uuid::from_u64_pair((millis << 16) | 0x7000 | (number & 0xfff), (2 << 62) | (dice.roll() >> 2));
        let folder = home.join("sessions").join(at.format("%Y/%m/%d").to_string());
        fs::create_dir_all(&folder).unwrap();
        let name = format!("rollout-{}-{thread}.jsonl", at.format("%Y-%m-%dT%H-%M-%S"));
        let generation = match number % 10 {
            0 => Generation::Twice,
            1..=3 => Generation::Once,
            _ => Generation::Record,
        };
        let share = (size.bytes.saturating_sub(made.bytes)) / (size.sessions - number);
        // A few long ones, many short ones, together as many bytes as asked for.
        let wanted = share / 4 + dice.below(share * 3 / 2);
        let session = Session {
            out: BufWriter::with_capacity(1 << 18, File::create(folder.join(name)).unwrap()),
            dice: &mut dice,
            made: &mut made,
            filler: &filler,
            at,
            ordinal: 0,
            generation,
            thread: thread.to_string(),
            total: Count::default(),
            written: 0,
        };
        session.write(number, wanted);
    }
    made
}

/// The newest session file of a home.
pub(crate) fn newest(home: &Path) -> PathBuf {
    let mut folder = home.join("sessions");
    loop {
        let newest = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        if newest.is_file() {
            return newest;
        }
        folder = newest;
    }
}

/// What agents run; `%` is a text that is written somewhere.
const COMMANDS: [&str; 12] = [
    "rg -n 'fn main' src | head -20",
    "sed -n '1,120p' src/lib.rs",
    "cargo test -q 2>&1 | tail -30",
    "git diff --stat && git status --short",
    "cat > src/new.rs <<'EOF'\n%\nEOF",
    "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: src/lib.rs\n@@\n-%\n+%\n*** End Patch\nEOF",
    "python3 - <<'PY'\nprint('%')\nPY",
    "npm run build && npx vitest run",
    "ls -la && find . -name '*.rs' -not -path './target/*' | xargs wc -l",
    "cd crates/core && RUST_LOG=debug cargo run -- --file \"$(mktemp)\"",
    "bash -lc 'make test && make check'",
    "git log --oneline -20",
];

/// A usage record more, as Codex appends it to a session that goes on.
pub(crate) fn grow(file: &Path, nth: u64) {
    let thread =
        file.file_stem().unwrap().to_str().unwrap().split_at("rollout-2026-01-01T00-00-00-".len()).1.to_owned();
    let used = Count { input: 10_000 + nth, cached: 5_000, output: 100, reasoning: 10 }.json();
    let line = format!(
        "{{\"timestamp\":\"2026-11-22T05:50:48.775Z\",\"ordinal\":99999,\"type\":\"token_usage_record\",\"payload\":{{\"thread_id\":\"{thread}\",\"response_id\":\"resp_grown_{nth}\",\"usage\":{used}}}}}\n"
    );
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
}

impl Session<'_> {
    fn line(&mut self, kind: &str, payload: &str) {
        self.at += TimeDelta::milliseconds(i64::try_from(self.dice.below(900)).unwrap() + 2);
        let at = self.at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let line = if self.generation == Generation::Twice {
            format!("{{\"timestamp\":\"{at}\",\"type\":\"{kind}\",\"payload\":{payload}}}\n")
        } else {
            format!(
                "{{\"timestamp\":\"{at}\",\"ordinal\":{},\"type\":\"{kind}\",\"payload\":{payload}}}\n",
                self.ordinal
            )
        };
        self.ordinal += 1;
        self.out.write_all(line.as_bytes()).unwrap();
        self.written += line.len() as u64;
        self.made.bytes += line.len() as u64;
        self.made.lines += 1;
    }

    fn text(&mut self, length: u64) -> String {
        let length = usize::try_from(length).unwrap().min(self.filler.len());
        let start = usize::try_from(self.dice.below((self.filler.len() - length + 1) as u64)).unwrap();
        // The filler is ASCII; a cut escape would be no JSON.
        self.filler[start..start + length].replace('\\', " ")
    }

    fn write(mut self, number: u64, wanted: u64) {
        let project = number % 23;
        let (thread, version) = (
            self.thread.clone(),
            match self.generation {
                Generation::Twice => "0.118.0",
                Generation::Once => "0.135.0",
                Generation::Record => "0.169.0",
            },
        );
        let instructions = self.text(18_000);
        self.line("session_meta", &format!(
            r#"{{"session_id":"{thread}","id":"{thread}","timestamp":"2026-01-01T00:00:00.000Z","cwd":"/work/project-{project}","originator":"codex_exec","cli_version":"{version}","source":"exec","thread_source":"user","model_provider":"openai","base_instructions":{{"text":"{instructions}"}},"git":{{"commit_hash":"0123456789abcdef","branch":"feature/WEB-{number}","repository_url":"git@github.com:acme/project-{project}.git"}}}}"#
        ));
        let mut turn = 0;
        loop {
            self.turn(number, turn);
            turn += 1;
            if self.written >= wanted {
                break;
            }
        }
        self.out.flush().unwrap();
    }

    fn turn(&mut self, number: u64, turn: u64) {
        let id = format!("{}{:04x}", &self.thread[..32], turn & 0xffff);
        let model = ["gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna"][usize::try_from((number + turn / 3) % 3).unwrap()];
        let project = number % 23;
        self.line("event_msg", &format!(r#"{{"type":"task_started","turn_id":"{id}","model_context_window":258400}}"#));
        let state = self.text(3_000);
        self.line("world_state", &format!(r#"{{"full":true,"state":{{"files":"{state}"}}}}"#));
        self.line("turn_context", &format!(
            r#"{{"turn_id":"{id}","cwd":"/work/project-{project}","approval_policy":"never","sandbox_policy":{{"type":"workspace-write","network_access":false}},"model":"{model}","effort":"medium","summary":"auto"}}"#
        ));
        let prompt = self.text(800);
        self.line(
            "response_item",
            &format!(r#"{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{prompt}"}}]}}"#),
        );
        self.line("event_msg", &format!(r#"{{"type":"user_message","message":"{prompt}","kind":"plain"}}"#));
        let steps = 3 + self.dice.below(9);
        for step in 0..steps {
            self.response(&id, step + 1 == steps);
        }
        self.line("event_msg", &format!(r#"{{"type":"task_complete","turn_id":"{id}","last_agent_message":"done"}}"#));
    }

    fn response(&mut self, turn: &str, last: bool) {
        let reasoning = self.text(2_200);
        self.line(
            "response_item",
            &format!(r#"{{"type":"reasoning","summary":[],"encrypted_content":"{reasoning}"}}"#),
        );
        let used = Count {
            input: 6_000 + self.total.input % 90_000 + self.dice.below(4_000),
            cached: 4_000 + self.dice.below(2_000),
            output: 100 + self.dice.tailed(400),
            reasoning: 40,
        };
        self.total.add(used);
        self.made.responses += 1;
        self.made.tokens += used.input + used.output;
        let id = format!("resp_{:016x}{:016x}{:08x}", self.dice.roll(), self.dice.roll(), self.made.responses);
        let mut command_of_this = String::new();
        if last {
            let answer = self.text(1_500);
            self.line(
                "response_item",
                &format!(
                    r#"{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"{answer}"}}]}}"#
                ),
            );
            self.line("event_msg", &format!(r#"{{"type":"agent_message","message":"{answer}"}}"#));
        } else {
            let written = self.text(300);
            let command =
                COMMANDS[usize::try_from(self.dice.below(COMMANDS.len() as u64)).unwrap()].replace('%', &written);
            command_of_this = serde_json::json!(command).to_string();
            let arguments = serde_json::json!(format!("{{\"cmd\":{command_of_this},\"yield_time_ms\":10000}}"));
            self.line(
                "response_item",
                &format!(
                    r#"{{"type":"function_call","name":"exec_command","arguments":{arguments},"call_id":"call_{id}"}}"#
                ),
            );
        }
        if self.generation == Generation::Record {
            let (thread, total, one) = (self.thread.clone(), self.total.json(), used.json());
            self.line("token_usage_record", &format!(
                r#"{{"thread_id":"{thread}","turn_id":"{turn}","session_id":"{thread}","root_turn_id":"{turn}","response_id":"{id}","usage":{one},"turn_token_usage":{total},"thread_token_usage":{total}}}"#
            ));
        }
        if !last {
            let length = self.dice.tailed(3_500);
            let output = self.text(length);
            if self.generation == Generation::Record {
                let thread = self.thread.clone();
                self.line("event_msg", &format!(
                    r#"{{"type":"item_completed","thread_id":"{thread}","turn_id":"{turn}","item":{{"type":"CommandExecution","id":"call_{id}","process_id":"4242","command":["/bin/bash","-lc",{command_of_this}],"cwd":"file:///work","parsed_cmd":[],"source":"unified_exec_startup","status":"completed","aggregated_output":"{output}","exit_code":0}}}}"#
                ));
            }
            self.line(
                "response_item",
                &format!(r#"{{"type":"function_call_output","call_id":"call_{id}","output":"{output}"}}"#),
            );
        }
        for _ in 0..if self.generation == Generation::Twice { 2 } else { 1 } {
            self.line("event_msg", &format!(
                r#"{{"type":"token_count","info":{{"total_token_usage":{},"last_token_usage":{},"model_context_window":258400}},"rate_limits":{{"limit_id":"codex","primary":{{"used_percent":12.0,"window_minutes":300,"resets_at":1795326648}},"secondary":{{"used_percent":4.0,"window_minutes":10080,"resets_at":1795326648}},"plan_type":"pro"}}}}"#,
                self.total.json(), used.json()
            ));
        }
    }
}
