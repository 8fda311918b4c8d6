//! Turns by what they did, and the class that this is.

use std::sync::Arc;

use globset::Glob;

use super::{Own, OwnRule, Turns};
use crate::model::WorkClass;
use crate::rollout::{ActKind, Change, Meta, Record, RecordKind, TurnAct};

fn began(own: Own) -> Turns {
    let mut turns = Turns::new(Arc::new(own));
    let meta = Meta { cwd: Some("/w".into()), ..Meta::default() };
    turns.record(&Record { at: None, ordinal: None, kind: RecordKind::Meta(Box::new(meta)) });
    turns
}

fn class_of(commands: &[&str]) -> WorkClass {
    let mut turns = began(Own::default());
    for command in commands {
        turns.did(&TurnAct { call: "".into(), kind: ActKind::Command((*command).into()), is_item: true });
    }
    turns.class()
}

#[test]
fn a_turn_is_what_its_commands_come_to() {
    for (commands, expected) in [
        (&[][..], WorkClass::Other),
        (&["cat src/main.rs", "rg -n x"], WorkClass::Research),
        (&["git log -S x", "git blame a.rs"], WorkClass::Research),
        (&["npm view left-pad", "cat package.json > /tmp/x.json"], WorkClass::Research),
        (&["cat a.rs", "sed -i s/a/b/ a.rs", "cargo test"], WorkClass::Edit),
        (&["sed -i s/a/b/ a.rs", "git diff"], WorkClass::Edit),
        (&["printf x > src/a.rs", "printf x >> tests/a.rs", "printf x >> README.md"], WorkClass::Edit),
        (&["printf x > tests/a.rs", "cargo test"], WorkClass::Test),
        (&["cargo test"], WorkClass::Test),
        (&["RUST_LOG=x timeout 5 uv run pytest -q | tail"], WorkClass::Test),
        (&["git diff", "cargo test"], WorkClass::Review),
        (&["git show HEAD", "cat > REVIEW.md <<'E'\nfine\nE"], WorkClass::Review),
        (&["gh pr view 3", "gh pr review 3 --approve"], WorkClass::Review),
        (&["git diff", "git commit -qam x", "git push"], WorkClass::Other),
        (&["sed -i 's/1.0/2.0/' Cargo.toml", "cargo test"], WorkClass::Migration),
        (&["git grep -l a | xargs sed -i s/a/b/"], WorkClass::Migration),
        (&["printf x > db/migrations/002.sql"], WorkClass::Migration),
        (&["printf x > db/migrations/002.sql", "printf x > src/orders.rs"], WorkClass::Edit),
        (&["go get -u ./...", "go test ./..."], WorkClass::Migration),
        (&["npx jscodeshift -t a.js src"], WorkClass::Migration),
        (&["printf x > docs/a.md"], WorkClass::Documentation),
        (&["sed -i '3i // so' a.rs", "git diff"], WorkClass::Documentation),
        (&["pip install -r requirements.txt"], WorkClass::Other),
        (&["kubectl rollout status x", "sleep 5"], WorkClass::Other),
        (&["./deploy.sh"], WorkClass::Other),
    ] {
        assert_eq!(class_of(commands), expected, "{commands:?}");
    }
}

#[test]
fn patches_are_told_by_their_lines() {
    let change = |path: &str, removed: &[&str], added: &[&str]| Change {
        path: path.to_owned(),
        removed: removed.iter().map(|line| (*line).to_owned()).collect(),
        added: added.iter().map(|line| (*line).to_owned()).collect(),
        is_new: false,
    };
    for (changes, expected) in [
        (vec![change("/w/a.go", &[], &["// Package a."])], WorkClass::Documentation),
        (vec![change("/w/a.go", &["x"], &["y"])], WorkClass::Edit),
        (vec![change("/w/a.go", &[], &["// a"]), change("/w/a_test.go", &[], &["func TestA() {}"])], WorkClass::Test),
        (vec![change("/w/package.json", &["\"a\": \"1\""], &["\"a\": \"2\""])], WorkClass::Migration),
        (vec![change("/w/package.json", &[], &["\"a\": \"1\""]), change("/w/a.ts", &[], &["x"])], WorkClass::Edit),
        (vec![change("/elsewhere/a.go", &["x"], &["y"])], WorkClass::Other),
    ] {
        let mut turns = began(Own::default());
        turns.did(&TurnAct { call: "c".into(), kind: ActKind::Changed(changes.clone()), is_item: true });
        assert_eq!(turns.class(), expected, "{changes:?}");
    }
}

#[test]
fn codexs_own_review_is_told_of_before_its_turn_and_is_none_of_the_turn_before() {
    let mut turns = began(Own::default());
    let start = Record { at: None, ordinal: None, kind: RecordKind::TurnStarted { turn: None } };
    let reviews = || TurnAct { call: "".into(), kind: ActKind::Reviews, is_item: true };
    turns.record(&start);
    turns.did(&TurnAct { call: "".into(), kind: ActKind::Command("cat a.rs".into()), is_item: true });
    turns.answered();
    turns.did(&reviews());
    assert_eq!(turns.record(&start), Some(WorkClass::Research));
    turns.answered();
    assert_eq!(turns.class(), WorkClass::Review);
    assert_eq!(turns.record(&start), Some(WorkClass::Review));
    turns.answered();
    assert_eq!(turns.class(), WorkClass::Other);
}

#[test]
fn a_call_counts_once_and_a_policys_rule_comes_first() {
    let glob = |text: &str| vec![Glob::new(text).unwrap().compile_matcher()];
    let rules = vec![
        OwnRule { commands: glob("./port *"), paths: Vec::new(), class: WorkClass::Migration },
        OwnRule { commands: Vec::new(), paths: glob("notes/**"), class: WorkClass::Research },
    ];
    let did = |turns: &mut Turns, command: &str| {
        turns.did(&TurnAct { call: "c".into(), kind: ActKind::Command(command.to_owned().into()), is_item: false });
    };
    for (command, expected) in [
        ("./port it", WorkClass::Migration),
        ("sudo ./port it", WorkClass::Migration),
        ("echo x > notes/a.rs", WorkClass::Research),
        ("echo x > a.rs", WorkClass::Edit),
    ] {
        let mut turns = began(Own { rules: rules.clone(), said: None });
        did(&mut turns, command);
        did(&mut turns, "git push");
        assert_eq!(turns.class(), expected, "{command}: the second has the call of the first");
    }
}
