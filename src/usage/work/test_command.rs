//! Which commands run a project's tests: told by the words that start them.

/// Words that only carry another command.
const CARRIERS: [&str; 17] = [
    "sudo", "env", "time", "nice", "timeout", "npx", "bunx", "uv", "poetry", "pipenv", "hatch", "bundle", "exec",
    "run", "python", "python3", "-m",
];

/// Programs that do nothing else.
const RUNNERS: [&str; 14] = [
    "pytest",
    "unittest",
    "tox",
    "nox",
    "jest",
    "vitest",
    "mocha",
    "ava",
    "rspec",
    "phpunit",
    "ctest",
    "nextest",
    "gotestsum",
    "playwright",
];

/// Programs that do so by one of their subcommands.
const BUILDERS: [&str; 19] = [
    "cargo", "go", "npm", "pnpm", "yarn", "bun", "deno", "make", "just", "mvn", "mvnw", "gradle", "gradlew", "dotnet",
    "bazel", "mix", "swift", "rake", "rails",
];

/// Those subcommands, and what begins so: `test`, `test:unit`, `nextest`, `t` of cargo and npm.
const SUBCOMMANDS: [&str; 6] = ["test", "tests", "nextest", "check", "verify", "t"];

/// The command line, or a part of it, runs tests.
pub(super) fn runs_tests(command: &str) -> bool {
    command.split(['\n', ';', '|', '&', '(', ')']).any(part_runs_tests)
}

fn part_runs_tests(part: &str) -> bool {
    let is_setting = |word: &&str| word.contains('=') && !word.starts_with('-');
    let is_number = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let mut words =
        part.split_whitespace().skip_while(|word| is_setting(word) || is_number(word) || CARRIERS.contains(word));
    let Some(program) = words.next().map(|word| word.rsplit('/').next().unwrap_or(word)) else { return false };
    if RUNNERS.contains(&program) {
        return true;
    }
    // `check` compiles with cargo, and tests with make.
    let compiles = |word: &str| program == "cargo" && word == "check";
    let is_test = |word: &str| SUBCOMMANDS.contains(&word) && !compiles(word) || word.starts_with("test:");
    BUILDERS.contains(&program)
        && words.filter(|word| !word.starts_with(['-', '+'])).find(|word| *word != "run").is_some_and(is_test)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_tests_is_told_from_what_only_names_them() {
        for command in [
            "cargo test",
            "cargo +nightly nextest run -p x",
            "cd app && npm test",
            "npm run test:unit -- --watch=false",
            "RUST_LOG=debug timeout 60 cargo test --lib | tail -5",
            "python -m pytest -q tests/a.py",
            "uv run pytest",
            "./gradlew test",
            "make check",
            "go test ./...",
            "bundle exec rspec",
        ] {
            assert!(runs_tests(command), "{command}");
        }
        for command in [
            "ls tests",
            "cat test.py",
            "git commit -m 'test: add'",
            "cargo check",
            "make",
            "npm run build",
            "",
            "echo cargo test",
        ] {
            assert!(!runs_tests(command), "{command}");
        }
    }
}
