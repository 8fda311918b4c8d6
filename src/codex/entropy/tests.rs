//! What is taken for a key and what is not, each by name; and how often chance gets past.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::codex::redact;

#[test]
fn keys_of_no_known_shape_are_found_wherever_they_stand() {
    for (text, expected) in [
        ("tool --key x7Kd93Jf0aQwZrT4vBnM82Lp", "tool --key <redacted>"),
        ("tool x7Kd93Jf0aQwZrT4vBnM82Lp now", "tool <redacted> now"),
        ("FOO=x7Kd93Jf0aQwZrT4vBnM82Lp make", "FOO=<redacted> make"),
        ("tool -px7Kd93Jf0aQwZrT4vBnM82Lp", "tool -<redacted>"),
        ("{\"a\":\"x7Kd93Jf0aQwZrT4vBnM82Lp\"}", "{\"a\":\"<redacted>\"}"),
        ("acme_live_x7Kd93Jf0aQwZrT4vBnM82Lp", "<redacted>"),
        ("7242:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw_", "7242:<redacted>"),
        // A secret of AWS, in base64 with its signs.
        ("export K=wJq7rXUtnFEMI/K7MDENG+bPxRfiCYzzKEYqRt91", "export K=<redacted>"),
        ("k 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", "k <redacted>"),
        ("k mzxw6ytboi5qk2lsnfxgk3dpo4qhi33o", "k <redacted>"),
        ("k qzjxkvwpbghtrfmndlcsyqzjxkvwpb", "k <redacted>"),
    ] {
        assert_eq!(redact(text), expected);
    }
}

#[test]
fn hashes_ids_names_and_words_stay() {
    for text in [
        // Hashes.
        "git show 3f2a9c0b1d4e5f60718293a4b5c6d7e8f9012345",
        "9F86D081884C7D659A2FEAA0C55AD015",
        "echo 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  x.tar.gz | sha256sum -c",
        "\"integrity\": \"sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==\"",
        "golang.org/x/text v0.3.7 h1:olpwvP2KacW1ZWvsR7uQhoyTYvKAupfQrRGBFM352Gk=",
        "256 SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDLxPiOSrTZm2RlDuo user@host (ED25519)",
        "nix-prefetch-url --unpack --sha256 1x7Kd93jf0aqwzrt4vbnm82lpx7kd93jf0aqwzrt4vbnm82lp x",
        "ls /nix/store/q1w8kxr4bvvzn6cz0ix3dn2gk8hjmr5p-hello-2.12/bin",
        // Ids.
        "codex exec resume 01a22a31-4f87-7c80-b1a9-5a44e2589be5",
        "kubectl logs web-7d9f8b6c5d-x2x4z -c app",
        "show 01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "grep resp_68a1f0c2d3e4b5a697887766554433221100aabbccddeeff log",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7Kd93Jf0aQwZrT4vBnM82LpQ5uYxWgHk1sDf0 me@host",
        "aws ec2 terminate-instances --instance-ids i-0abcd1234ef567890",
        // Names.
        "cargo test --lib decide::tests::gate::a_request_that_fits_is_let_through_and_one_that_does_not",
        "grep -rn AbstractSingletonProxyFactoryBean src/main/java",
        "mvn -Dtest=UserAuthenticationServiceIntegrationTest#loginWithOAuth2TokenReturns401 test",
        "XMLHttpRequestUploadEventTargetPrototype",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 ECDHE-RSA-CHACHA20-POLY1305",
        "pip install ./numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "node_modules/.pnpm/@babel+helper-plugin-utils@7.24.0/node_modules",
        "target/debug/deps/libserde_json-3f2a9c0b1d4e5f60.rlib",
        "cat /var/folders/x1/6y8z9w5n1kq0c7vxs0r3k2hm0000gn/T/out.txt",
        "dist/assets/index-B8xK2f9q.js.map",
        "git switch feature/JIRA-12345-make-the-exporter-write-2026-11-30T02-03-26Z",
        "Rechtsschutzversicherungsgesellschaften llanfairpwllgwyngyllgogerychwyrndrobwll",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
        "(-[0123456789abcdEFGhHiIKlLnoPqrRsTuUvVwxyzZ]*) aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "1764468206123456789012345678901234567890",
        // URLs without a user, and base64 of texts.
        "open https://docs.google.com/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms/edit",
        "echo aGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0 | base64 -d",
        "background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk)",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn no_ordinary_command_is_touched() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/commands");
    let mut seen = 0;
    for (file, key) in [("ordinary.jsonl", None), ("tries.jsonl", Some("command"))] {
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let command = key.map_or(&value, |key| &value[key]).as_str().unwrap_or_default();
            assert_eq!(keys(command), [], "{command}");
            seen += 1;
        }
    }
    assert!(seen > 1_000, "{seen}");
}

/// Keys as programs make them: an alphabet, each sign as likely as the others, and lengths from 24 on.
fn made() -> impl Strategy<Value = (&'static str, String)> {
    let of = |name: &'static str, signs: String| {
        let key = proptest::collection::vec(proptest::sample::select(signs.into_bytes()), 24..=64);
        key.prop_map(move |key| (name, String::from_utf8(key).unwrap()))
    };
    let (upper, lower, digits) = ("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789");
    prop_oneof![
        of("base62", format!("{upper}{lower}{digits}")),
        of("base64", format!("{upper}{lower}{digits}+/")),
        of("base64url", format!("{upper}{lower}{digits}-_")),
        of("base58", format!("{upper}{lower}{digits}").replace(['0', 'O', 'I', 'l'], "")),
        of("base36", format!("{lower}{digits}")),
        of("base32", format!("{upper}234567")),
        of("letters", format!("{upper}{lower}")),
    ]
}

#[test]
fn of_keys_made_by_chance_more_than_ninety_five_in_a_hundred_are_found() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut found, mut all) = (std::collections::BTreeMap::<&str, (u32, u32)>::new(), (0, 0));
    for _ in 0..7_000 {
        let (name, key) = made().new_tree(&mut runner).unwrap().current();
        let hit = !keys(&format!("tool --value {key} x")).is_empty();
        let count = found.entry(name).or_default();
        *count = (count.0 + u32::from(hit), count.1 + 1);
        all = (all.0 + u32::from(hit), all.1 + 1);
    }
    assert!(all.0 * 100 > all.1 * 98, "{all:?}: {found:?}");
    assert!(found.values().all(|(hits, of)| hits * 100 > of * 95), "{found:?}");
}

proptest! {
    #[test]
    fn any_text_is_taken_and_what_is_cut_lies_in_it(text in ".{0,200}") {
        for (start, end) in keys(&text) {
            prop_assert!(text.get(start..end).is_some());
        }
    }
}
