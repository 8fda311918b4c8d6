//! Takes secrets out of a text before it is written down.
//!
//! A net, not a proof: it knows the common shapes of keys, names that say that their value is secret, and long words that
//! chance seems to have made.

mod shapes;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::entropy;

/// What stands where a secret was.
pub const REDACTED: &str = "<redacted>";

#[expect(clippy::expect_used, reason = "INVARIANT: the patterns are literals, and every test compiles them")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// `Authorization: Basic …`, `Bearer …`.
static HEADERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"((?i-u:authorization)["']?\s*[:=]\s*["']?(?:(?i-u:basic|bearer|token)\s+)?|(?-u:\b)(?i-u:bearer)\s+)"#,
        r#"([A-Za-z0-9._~+/$={}-]{4,})"#,
    ))
});

/// `scheme://user:password@`, and `https://token@`.
static URLS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"([A-Za-z][A-Za-z0-9+.-]*://[^\s/@:"'?#]*:)[^\s/"'?#]+@|((?i-u:https?)://)[^\s/@:"'?#]+@"#)
});

/// `NAME=value`, `name: "value"`, `--name value`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"([A-Za-z_][A-Za-z0-9_.-]*)(["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s"',;&|(){}\[\]<>`]+)"#,
        r#"|(--[A-Za-z0-9-]+)(\s+)("[^"]*"|'[^']*'|[^\s"',;&|(){}\[\]<>`-][^\s"',;&|(){}\[\]<>`]*)"#,
    ))
});

/// Tables whose keys are the user's own: `env={…}`, `http_headers={…}`, `"headers": {…}`.
static TABLES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"((?-u:\b)(?i-u:env|[A-Za-z_-]*headers)["']?\s*[=:]\s*)\{[^{}]*(?:\}|$)"#));

/// `Cookie: a=b; c=d`: all of it.
static COOKIES: LazyLock<Regex> = LazyLock::new(|| pattern(r#"((?i-u:cookie)["']?\s*:\s*["']?)[^"'\s][^"'\n]*"#));

/// `?name=value` and `&name=value` of a URL.
static QUERIES: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([?&]([A-Za-z_][A-Za-z0-9_.-]*)=)([^\s"'&#;|(){}\[\]<>`]+)"#));

/// `curl -b NAME=VALUE`.
static JARS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"((?-u:\b)curl\s(?:[^|;&\n]*\s)?(?:-b|--cookie)[\s=]*)("[^"]*=[^"]*"|'[^']*=[^']*'|[^\s"'=-][^\s"'=]*=[^\s"']+)"#,
    )
});

/// Options of one letter that take a password: `sshpass -p V`, `mysql -pV`. The program, what stands between, the letter.
static PASSWORDS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r#"((?:^|[\s/;|&("'`])(?:(?:sshpass|mongosh?|mongodump|mongorestore)(?:\s+[^\s|;&]+)*?\s+-p\s*"#,
        r#"|(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|7z|7za|rar|unrar)(?:\s+[^\s|;&]+)*?\s+-p"#,
        r#"|redis-cli(?:\s+[^\s|;&]+)*?\s+-a\s*|(?:zip|unzip)(?:\s+[^\s|;&]+)*?\s+-P\s*"#,
        r#"|(?:docker|podman|nerdctl|helm|oc|az)(?:\s+[a-z]+)*?\s+login(?:\s+[^\s|;&]+)*?\s+-p\s*))"#,
        r#"("[^"]*"|'[^']*'|[^\s"'|;&(){}<>`]+)"#,
    ))
});

/// `curl -u user:password`.
static USERS: LazyLock<Regex> = LazyLock::new(|| pattern(r#"((?:^|\s)(?:-u|--user)[\s=]+["']?[^\s:"']+:)[^\s"']+"#));

/// A line of `.netrc`: `machine … login … password …`.
static NETRC: LazyLock<Regex> = LazyLock::new(|| pattern(r#"((?-u:\b)login\s+[^\s"']+\s+password\s+)[^\s"']+"#));

/// The text with every secret that is recognised replaced by [`REDACTED`].
pub fn redact(text: &str) -> String {
    let mut text = Cow::Borrowed(text);
    // URLs first: what looks like `name:value` inside them is theirs. The conditions spare plain words the patterns'
    // compilation, a millisecond and a half at the start of a run.
    if text.contains('@') {
        replace(&mut text, &URLS, |found| {
            let kept = found.get(1).or_else(|| found.get(2)).map_or("", |kept| kept.as_str());
            format!("{kept}{REDACTED}@")
        });
    }
    for shape in shapes::held_by(&text.clone()) {
        replace(&mut text, shape, |_| REDACTED.to_owned());
    }
    if text.contains(['?', '&']) {
        replace(&mut text, &QUERIES, |found| {
            let [whole, kept, name, value] = [0, 1, 2, 3].map(|at| found.get(at).map_or("", |part| part.as_str()));
            let is_secret = is_secret_name(name) && is_secret_value(value);
            if is_secret { format!("{kept}{REDACTED}") } else { whole.to_owned() }
        });
    }
    if text.contains('{') {
        replace(&mut text, &TABLES, |found| format!("{}{{{REDACTED}}}", found.get(1).map_or("", |kept| kept.as_str())));
    }
    if text.contains([' ', '\t', '\n', '=', ':']) {
        replace(&mut text, &COOKIES, |found| format!("{}{REDACTED}", found.get(1).map_or("", |kept| kept.as_str())));
        replace(&mut text, &HEADERS, |found| {
            let [whole, kept, value] = [0, 1, 2].map(|at| found.get(at).map_or("", |part| part.as_str()));
            if value.starts_with('$') { whole.to_owned() } else { format!("{kept}{REDACTED}") }
        });
        replace(&mut text, &USERS, |found| format!("{}{REDACTED}", found.get(1).map_or("", |kept| kept.as_str())));
        replace(&mut text, &JARS, |found| format!("{}{REDACTED}", found.get(1).map_or("", |kept| kept.as_str())));
        replace(&mut text, &PASSWORDS, |found| {
            let [whole, kept, value] = [0, 1, 2].map(|at| found.get(at).map_or("", |part| part.as_str()));
            if is_secret_value(value) { format!("{kept}{REDACTED}") } else { whole.to_owned() }
        });
        replace(&mut text, &NETRC, |found| format!("{}{REDACTED}", found.get(1).map_or("", |kept| kept.as_str())));
        replace(&mut text, &NAMED, named);
    }
    without_keys(text.into_owned())
}

/// Without keys of no known shape.
fn without_keys(text: String) -> String {
    let keys = entropy::keys(&text);
    if keys.is_empty() {
        return text;
    }
    let (mut safe, mut from) = (String::with_capacity(text.len()), 0);
    for (start, end) in keys {
        safe.push_str(text.get(from..start).unwrap_or_default());
        safe.push_str(REDACTED);
        from = end;
    }
    safe.push_str(text.get(from..).unwrap_or_default());
    safe
}

fn replace(text: &mut Cow<'_, str>, pattern: &Regex, with: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(replaced) = pattern.replace_all(text, with) {
        *text = Cow::Owned(replaced);
    }
}

fn named(found: &Captures<'_>) -> String {
    let part = |either: usize, or: usize| found.get(either).or_else(|| found.get(or)).map_or("", |part| part.as_str());
    let (name, between, value) = (part(1, 4), part(2, 5), part(3, 6));
    if is_secret_name(name) && is_secret_value(value) {
        return format!("{name}{between}{REDACTED}");
    }
    // The value may be a setting itself: `--env PASSWORD=x`, `--data '{"client_secret": "x"}'`.
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\'') && value.len() > 1 && value.ends_with(*c));
    let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    let quote = quote.filter(|_| inner.len() < value.len()).map(String::from).unwrap_or_default();
    format!("{name}{between}{quote}{}{quote}", NAMED.replace_all(inner, named))
}

/// The name says that its value is secret: `OPENAI_API_KEY`, `--auth-token`, `model_providers.x.experimental_bearer_token`.
/// Names of variables (`env_key`), files and limits are none.
pub(super) fn is_secret_name(name: &str) -> bool {
    const SECRET: [&str; 10] = [
        "token",
        "jwt",
        "secret",
        "passw",
        "passphrase",
        "credential",
        "apikey",
        "bearer",
        "authorization",
        "privatekey",
    ];
    // Whole words only: `path`, `author` and `compass` are others.
    const SECRET_WORDS: [&str; 11] =
        ["pat", "auth", "oauth", "pwd", "pw", "pass", "cookie", "cookies", "pin", "otp", "sig"];
    const HARMLESS: [&str; 15] = [
        "env", "envkey", "envvar", "file", "path", "url", "limit", "tokens", "count", "method", "mode", "type", "kind",
        "store", "scheme",
    ];
    let name = name.to_ascii_lowercase();
    let mut segments = name.rsplit('.');
    let last = segments.next().unwrap_or(&name);
    // Tables whose keys are the user's own.
    if segments.any(|table| table == "env" || table.ends_with("headers")) {
        return true;
    }
    // The shell's own, which hold folders.
    if matches!(last, "pwd" | "oldpwd") {
        return last.len() < name.len();
    }
    let squeezed: String = last.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect();
    let says_secret = SECRET.iter().any(|word| squeezed.contains(word))
        || squeezed.ends_with("key")
        || last.split(['_', '-']).any(|word| SECRET_WORDS.contains(&word));
    says_secret && !HARMLESS.iter().any(|word| squeezed.ends_with(word))
}

/// Numbers, booleans, references to variables, the schemes of authorization and what is already redacted are no secrets.
pub(super) fn is_secret_value(value: &str) -> bool {
    let bare = value.trim_matches(['"', '\'']);
    let harmless = bare.is_empty()
        || bare.starts_with(['$', '<'])
        || bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || ["true", "false", "null", "none", "basic", "bearer"].iter().any(|word| bare.eq_ignore_ascii_case(word));
    !harmless
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    use super::shapes::SHAPES;
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        for (text, expected) in [
            ("OPENAI_API_KEY=abc123 codex exec", "OPENAI_API_KEY=<redacted> codex exec"),
            ("export GH_TOKEN='a b' && make", "export GH_TOKEN=<redacted> && make"),
            ("echo sk-proj-abcdefghijklmnop0123 | x", "echo <redacted> | x"),
            (
                "git clone https://ghp_0123456789abcdefghij@github.com/a/b",
                "git clone https://<redacted>@github.com/a/b",
            ),
            ("postgres://bob:hunter2@db:5432/x", "postgres://bob:<redacted>@db:5432/x"),
            ("postgres://bob:p@ss@db/x", "postgres://bob:<redacted>@db/x"),
            ("redis://:hunter2@cache", "redis://:<redacted>@cache"),
            ("curl -H 'Authorization: Bearer abc.def-123' x", "curl -H 'Authorization: Bearer <redacted>' x"),
            ("curl -H \"authorization: Basic dXNlcjpwYXNz\" x", "curl -H \"authorization: Basic <redacted>\" x"),
            ("curl -u bob:hunter2 x", "curl -u bob:<redacted> x"),
            ("deploy --token abcdef --dry-run", "deploy --token <redacted> --dry-run"),
            ("deploy --token=abcdef", "deploy --token=<redacted>"),
            ("{\"api_key\": \"abc\", \"n\": 1}", "{\"api_key\": <redacted>, \"n\": 1}"),
            ("AKIAIOSFODNN7EXAMPLE", "<redacted>"),
            ("AWS_SECRET_ACCESS_KEY=wJalr/bPx aws s3 ls", "AWS_SECRET_ACCESS_KEY=<redacted> aws s3 ls"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- rest", "<redacted> rest"),
            ("password: hunter2", "password: <redacted>"),
            ("GH_PAT=abcd1234efgh gh pr list", "GH_PAT=<redacted> gh pr list"),
            (
                "NPM_AUTH=abc DB_PWD=def MYSQL_PASS=ghi make",
                "NPM_AUTH=<redacted> DB_PWD=<redacted> MYSQL_PASS=<redacted> make",
            ),
            ("curl -H 'X-Auth: zzz9secret' x", "curl -H 'X-Auth: <redacted>' x"),
            ("curl -H 'Cookie: a=b; c=d' x", "curl -H 'Cookie: <redacted>' x"),
            ("SESSION_COOKIE=abc make", "SESSION_COOKIE=<redacted> make"),
            ("x={command=\"a\",env={A=\"abc\",B=\"d\"}}", "x={command=\"a\",env={<redacted>}}"),
            ("m.http_headers={\"X-Mine\"=\"zzz\"}", "m.http_headers={<redacted>}"),
            ("m.http_headers.X-Mine=zzz", "m.http_headers.X-Mine=<redacted>"),
            ("{\"headers\": {\"a\": \"b\"}, \"n\": 1}", "{\"headers\": {<redacted>}, \"n\": 1}"),
            ("x eyJhbGciOiJI.eyJzdWIiOiIx.abc_def y", "x <redacted> y"),
            ("machine api.example login bob password hunter2\n", "machine api.example login bob password <redacted>\n"),
            ("mysql -pghp_0123456789abcdefghij db", "mysql -p<redacted> db"),
            ("curl -b 'session=abc' x", "curl -b <redacted> x"),
            ("curl --cookie session=abc x", "curl --cookie <redacted> x"),
            ("curl 'https://x.example/a?n=1&token=abc&m=2'", "curl 'https://x.example/a?n=1&token=<redacted>&m=2'"),
            ("curl https://x.example/?sig=abc", "curl https://x.example/?sig=<redacted>"),
            ("docker build --build-arg X_TOKEN=abc .", "docker build --build-arg X_TOKEN=<redacted> ."),
            ("docker run --env PASSWORD=abc img", "docker run --env PASSWORD=<redacted> img"),
            ("docker run --env=PASSWORD=abc img", "docker run --env=PASSWORD=<redacted> img"),
            ("docker run -e 'PASSWORD=a b' img", "docker run -e 'PASSWORD=<redacted> b' img"),
            (
                "kubectl create secret generic x --from-literal=password=abc",
                "kubectl create secret generic x --from-literal=password=<redacted>",
            ),
            (
                "kubectl create secret generic x --from-literal 'password=abc'",
                "kubectl create secret generic x --from-literal 'password=<redacted>'",
            ),
            ("curl --data '{\"client_secret\": \"abc\"}' x", "curl --data '{\"client_secret\": <redacted>}' x"),
            ("deploy --jwt=abc --otp 12ab", "deploy --jwt=<redacted> --otp <redacted>"),
            ("sshpass -p abc ssh host", "sshpass -p <redacted> ssh host"),
            ("mysql -u root -pabc db", "mysql -u root -p<redacted> db"),
            ("redis-cli -h cache -a abc ping", "redis-cli -h cache -a <redacted> ping"),
            ("docker login -u bob -p abc r.example", "docker login -u bob -p <redacted> r.example"),
            ("unzip -P abc a.zip", "unzip -P <redacted> a.zip"),
            ("k=dop_v1_0123456789abcdef0123456789abcdef0123456789", "k=<redacted>"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for text in [
            "codex exec -m gpt-6.1-sol --json",
            "git push git@github.com:acme/web.git",
            "ssh://git@github.com/acme/web",
            "https://example.com/a?b=c",
            "docker run -p 80:80 -v /a:/b img:tag",
            "docker build --build-arg VERSION=1.2 --env-file a.env .",
            "mysql -u root -p db",
            "git log --format='%h %s' -b x",
            "grep -b a=b a.txt",
            "curl 'https://x.example/?page=2&sort=key'",
            "mkdir -p a/b && redis-cli ping",
            "limit_tokens=100000 max_tokens: 5",
            "tool_output_token_limit=10000",
            "model_providers.x.env_key=\"MOCK_KEY\"",
            "--remote-auth-token-env MY_TOKEN",
            "curl -H \"Authorization: Bearer $TOKEN\"",
            "API_KEY=$OTHER_KEY make",
            "token=true",
            "PWD=/work/shop OLDPWD=/ make",
            "PATH=/bin:/usr/bin GIT_AUTHOR_NAME=bob",
            "preferred_auth_method=chatgpt",
            "risk-assessment-for-the-new-task-force",
            "git show 3f2a9c0b1d4e5f60718293a4b5c6d7e8f9012345",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "docker pull registry/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "01a20000-0000-7000-8000-0000000000aa",
            "the-key-of-the-hooks.slack.com.example",
            "make token && ./bearer of news",
            "",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    /// Ten keys of each shape, made by chance: what the givers' own look like, without being any.
    #[test]
    fn keys_of_each_giver_go_wherever_they_stand() {
        let mut runner = TestRunner::deterministic();
        for shape in SHAPES {
            // What stands around a key is not of it.
            let own = shape.pattern.replace(r"(?-u:\b)", "");
            let keys = proptest::string::string_regex(&own).unwrap();
            for _ in 0..10 {
                let key = keys.new_tree(&mut runner).unwrap().current();
                assert!(shape.holds.iter().any(|held| key.contains(held)), "{}: {key} holds none", shape.giver);
                let end: String = key.chars().skip(key.chars().count().saturating_sub(12)).collect();
                let places =
                    [key.clone(), format!("env FOO={key} tool"), format!("tool '{key}'"), format!("echo {key}; make")];
                let glued = (!shape.pattern.contains(r"(?-u:\b)")).then(|| format!("mysql -p{key} db"));
                for text in places.into_iter().chain(glued) {
                    let redacted = redact(&text);
                    assert!(!redacted.contains(&end), "{}: {text}: {redacted}", shape.giver);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn redacting_again_changes_nothing(text in "[a-z=: \"'@/$-]{0,60}") {
            let once = redact(&text);
            prop_assert_eq!(redact(&once), once.clone());
        }

        #[test]
        fn any_text_is_taken_without_a_panic(text in ".{0,200}") {
            let _ = redact(&text);
        }
    }
}
