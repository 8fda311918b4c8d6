//! How fast session files are read, by kind of line: `cargo bench --bench reader`.
//!
//! Per kind: reading a line for control and for accounting. Then whole files: lines, records and responses together.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use govern::model::Timestamp;
use govern::rollout::{self, Record, Refused};
use govern::usage::meter::{Counting, Meter};

type Read = fn(&[u8]) -> Result<Record, Refused>;

const WAYS: [(&str, Read); 2] = [("control", rollout::read), ("accounting", rollout::read_for_accounting)];

fn fixture(name: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rollouts").join(name);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).min().unwrap();
    fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect()
}

/// The first line that holds this, with so much text where its `key` has a text or a list.
fn line(lines: &[String], holds: &str, key: &str, text: usize) -> String {
    let line = lines.iter().find(|line| line.contains(holds)).unwrap();
    let filler = r#"fn main() { println!(\"{}\", 1); }\n"#.repeat(text / 36);
    line.replacen(&format!(r#""{key}":""#), &format!(r#""{key}":"{filler}"#), 1)
}

fn lines_by_kind(bench: &mut Criterion) {
    let new = fixture("0.169-resume");
    let kinds = [
        ("token_usage_record", line(&new, "token_usage_record", "-", 0)),
        ("token_count", line(&new, "token_count", "-", 0)),
        ("turn_context", line(&new, "\"turn_context\"", "-", 0)),
        ("session_meta 40 KB", line(&new, "session_meta", "originator", 40_000)),
        ("item_completed 400 B", line(&new, "AgentMessage", "-", 0)),
        ("function_call 300 B", line(&new, "\"function_call\"", "-", 0)),
        ("function_call_output 10 KB", line(&new, "function_call_output", "output", 10_000)),
        ("message 2 KB", line(&new, "output_text", "text", 2_000)),
        ("message 100 KB", line(&new, "output_text", "text", 100_000)),
    ];
    for (kind, line) in kinds {
        let mut group = bench.benchmark_group(kind);
        group.throughput(Throughput::Bytes(u64::try_from(line.len()).unwrap()));
        for (way, read) in WAYS {
            group.bench_function(way, |bench| bench.iter(|| read(black_box(line.as_bytes()))));
        }
    }
}

fn whole_files(bench: &mut Criterion) {
    for name in ["0.118-resume", "0.169-resume"] {
        let lines = fixture(name);
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let mut group = bench.benchmark_group(format!("meter {name}"));
        group.throughput(Throughput::Bytes(u64::try_from(bytes).unwrap()));
        for (way, read) in WAYS {
            group.bench_function(way, |bench| {
                bench.iter(|| {
                    let mut meter = Meter::new(None, Counting { from: Timestamp::UNIX_EPOCH, grown_from: 0 });
                    let records = (0..).zip(&lines).filter_map(|(at, line)| Some((at, read(line.as_bytes()).ok()?)));
                    records.filter_map(|(at, record)| meter.push(at, &record)).count()
                });
            });
        }
    }
}

criterion_group!(benches, lines_by_kind, whole_files);
criterion_main!(benches);
