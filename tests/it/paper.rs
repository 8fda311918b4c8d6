//! Reports as one file for a browser or a printer: what a browser shows of them, asks for, and prints.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::chromium::Browser;
use crate::support::world::World;

/// A name that would be markup.
const HOSTILE: &str = "<script>document.title='taken'</script><img src=http://127.0.0.1:9/x onerror=alert(1)>";

/// One session of history: a day of November 2026 and an hour, a folder, a model, and its answers in thousands of tokens of input
/// (nine tenths of them from the cache after the first) and hundreds of output.
fn session(
    world: &World,
    number: usize,
    (day, hour): (usize, usize),
    folder: &str,
    model: &str,
    answers: &[(u64, u64)],
) {
    let id = format!("01a20000-0000-7000-8000-{number:012}");
    let mut text = String::new();
    let mut line = |minute: usize, rest: &str| {
        writeln!(text, "{{\"timestamp\":\"2026-11-{day:02}T{hour:02}:{minute:02}:00Z\",{rest}}}").unwrap();
    };
    line(
        0,
        &format!(
            "\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\"cwd\":\"{folder}\",\"model_provider\":\"openai\",\"cli_version\":\"0.169.0\"}}"
        ),
    );
    line(0, &format!("\"type\":\"turn_context\",\"payload\":{{\"model\":\"{model}\",\"cwd\":\"{folder}\"}}"));
    let (mut all_input, mut all_cached, mut all_output) = (0, 0, 0);
    for (place, (thousands, hundreds)) in answers.iter().enumerate() {
        let (input, output) = (thousands * 1_000, hundreds * 100);
        let cached = if place == 0 { 0 } else { input * 9 / 10 };
        (all_input, all_cached, all_output) = (all_input + input, all_cached + cached, all_output + output);
        let usage = |input: u64, cached: u64, output: u64| {
            format!(
                "{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\"output_tokens\":{output},\
                 \"reasoning_output_tokens\":0,\"total_tokens\":{}}}",
                input + output
            )
        };
        let (total, last) = (usage(all_input, all_cached, all_output), usage(input, cached, output));
        line(
            place + 1,
            &format!(
                "\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{total},\
                 \"last_token_usage\":{last}}}}}"
            ),
        );
    }
    world.write(&format!("codex/sessions/2026/11/{day:02}/rollout-2026-11-{day:02}T{hour:02}-00-00-{id}.jsonl"), &text);
}

/// Three weeks of two teams that work for three clients, under a budget.
fn three_weeks() -> World {
    let world = World::without_codex();
    let mut policy = String::from(
        "timezone = \"Europe/Berlin\"\n\
         [[budget]]\nname = \"everything, monthly\"\nper = \"everything\"\nwindow = { from = \"2026-11-01\", until = \"2026-12-01\" }\n\
         limit = \"90 usd\"\n\
         [[budget]]\nname = \"clients\"\nper = \"client\"\nwindow = { from = \"2026-11-01\", until = \"2026-12-01\" }\nlimit = \"40 usd\"\n",
    );
    let projects = [
        ("shop", "web", "acme"),
        ("checkout", "web", "acme"),
        ("search", "infra", "globex"),
        ("ledger", "infra", "initech"),
    ];
    for (project, team, client) in projects {
        write!(
            policy,
            "[[attribute]]\nfolder = \"/srv/{project}\"\n\
             set = {{ project = \"{project}\", team = \"{team}\", client = \"{client}\" }}\n"
        )
        .unwrap();
    }
    world.policy(&policy);
    world.write("codex/auth.json", r#"{"auth_mode":"apikey","OPENAI_API_KEY":"sk-none"}"#);
    let models = ["gpt-6.1-sol", "gpt-6.1-terra", "gpt-6.2-sol"];
    for day in 1..=21_usize {
        // Nobody works on Sundays.
        if day % 7 == 1 {
            continue;
        }
        for (place, (project, ..)) in projects.iter().enumerate() {
            let model = if day > 15 && place == 0 { models[2] } else { models[(day + place) % 2] };
            let size = 40 + 17 * u64::try_from((day * 5 + place * 11) % 9).unwrap();
            let answers: Vec<(u64, u64)> = (1..=6).map(|step| (size + 9 * step, 22 + step * 3)).collect();
            session(&world, day * 10 + place, (day, 8 + place * 2), &format!("/srv/{project}"), model, &answers);
        }
    }
    world.govern(&["import"]).expect_code(0);
    world
}

/// As TOML writes it.
fn toml_text(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn written(world: &World, name: &str, args: &[&str]) -> String {
    let args: Vec<&str> = ["report", "--format", "html"].iter().chain(args).copied().collect();
    let page = world.govern(&args).expect_code(0).out();
    world.write(name, &page);
    format!("file://{}", world.path(name).display())
}

/// Pages of a PDF, and how wide and high they are in points.
fn pages_of(pdf: &[u8]) -> (usize, Vec<(u32, u32)>) {
    let text = String::from_utf8_lossy(pdf);
    let boxes = text.split("/MediaBox [").skip(1).filter_map(|rest| rest.split(']').next());
    let sizes: Vec<(u32, u32)> = boxes
        .map(|sides| {
            let sides: Vec<f64> = sides.split_whitespace().map(|side| side.parse().unwrap()).collect();
            (sides[2].round() as u32, sides[3].round() as u32)
        })
        .collect();
    (sizes.len(), sizes)
}

/// It fits its window: nothing must be moved sideways to be read, but what scrolls by itself.
fn fits(browser: &mut Browser) -> bool {
    browser.is("document.documentElement.scrollWidth <= window.innerWidth") == Value::Bool(true)
}

#[test]
fn a_browser_shows_and_prints_a_report_and_asks_nobody_for_anything() {
    let world = three_weeks();
    let whole = written(&world, "whole.html", &[]);
    let for_one = written(&world, "acme.html", &["--for", "client", "acme", "--since", "2026-11"]);
    let Some(mut browser) = Browser::open(&world) else { return };
    for url in [&whole, &for_one] {
        for (size, scheme) in [((1_280, 900), "light"), ((1_280, 900), "dark"), ((390, 800), "light")] {
            browser.sized(size, scheme);
            browser.go(url);
            assert!(fits(&mut browser), "{url} at {size:?}");
        }
        assert_eq!(browser.is("document.scripts.length"), Value::from(0));
        assert!(browser.is("document.querySelectorAll('svg.columns rect').length").as_u64().unwrap() >= 17);
        assert!(browser.is("document.querySelectorAll('svg.columns .expected').length").as_u64().unwrap() > 0);
        for paper in [(8.27, 11.69), (8.5, 11.0)] {
            let (pages, sizes) = pages_of(&browser.printed(paper));
            assert!((1..=6).contains(&pages), "{url}: {pages} pages");
            let wide = (paper.0 * 72.0_f64).round();
            assert!(sizes.iter().all(|(width, _)| (f64::from(*width) - wide).abs() <= 2.0), "{url}: {sizes:?}");
        }
    }
    let elsewhere: Vec<String> =
        browser.asked().into_iter().filter(|url| *url != whole && *url != for_one && url != "data:,").collect();
    assert_eq!(elsewhere, Vec::<String>::new());
    let acme = browser.is("document.body.innerText").as_str().unwrap().to_owned();
    assert!(acme.contains("client acme") && acme.contains("shop") && acme.contains("checkout"), "{acme}");
    for other in ["globex", "initech", "search", "infra", "web", "/srv"] {
        assert!(!acme.contains(other), "{other}: {acme}");
    }
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let world = World::without_codex();
    let name = toml_text(HOSTILE);
    world.policy(&format!(
        "[[attribute]]\nfolder = \"/srv/*\"\nset = {{ project = {name}, team = {name}, client = {name} }}\n\
         [[budget]]\nname = {name}\nper = \"everything\"\nwindow = \"total\"\nlimit = \"9 usd\"\n"
    ));
    let flags = ["--team", HOSTILE, "--client", HOSTILE, "--agent", "coder", "--task", HOSTILE];
    world.run_governed(&flags, &["sh", "-c", "exit 3"]);
    session(&world, 1, (3, 9), "/srv/shop", "gpt-6.1-sol", &[(50, 20)]);
    world.govern(&["import"]).expect_code(0);
    let whole = written(&world, "whole.html", &[]);
    let for_one = written(&world, "one.html", &["--for", "client", HOSTILE]);
    let run = written(&world, "run.html", &["--last"]);
    let Some(mut browser) = Browser::open(&world) else { return };
    for url in [&whole, &for_one, &run] {
        browser.go(url);
        assert!(browser.is("document.title").as_str().unwrap() != "taken", "{url}");
        assert_eq!(browser.is("document.querySelectorAll('script, img, iframe, object').length"), Value::from(0));
        assert!(browser.is("document.body.innerText.includes('<script>')") == Value::Bool(true), "{url}");
    }
    let elsewhere: Vec<String> = browser.asked().into_iter().filter(|url| url.starts_with("http")).collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

/// Pictures for the manual are written to `$GOVERN_PICTURES` (`tests/pictures`); on paper, too, where somebody wants to look.
#[test]
fn pictures_of_reports_are_of_a_ledger_that_is_the_same_each_time() {
    let Some(folder) = std::env::var_os("GOVERN_PICTURES") else { return };
    let world = three_weeks();
    let whole = written(&world, "whole.html", &[]);
    let acme = written(&world, "acme.html", &["--for", "client", "acme"]);
    let Some(mut browser) = Browser::open(&world) else { return };
    let file = |name: &str| Path::new(&folder).join(name);
    for (name, url, size, scheme) in [
        ("report.png", &whole, (1_180, 800), "light"),
        ("report-dark.png", &whole, (1_180, 800), "dark"),
        ("report-phone.png", &whole, (390, 800), "light"),
        ("report-client.png", &acme, (1_180, 800), "light"),
    ] {
        browser.sized(size, scheme);
        browser.go(url);
        browser.picture(&file(name));
    }
    if std::env::var_os("GOVERN_PAPER").is_some() {
        browser.go(&whole);
        std::fs::write(file("report-a4.pdf"), browser.printed((8.27, 11.69))).unwrap();
        std::fs::write(file("report-letter.pdf"), browser.printed((8.5, 11.0))).unwrap();
    }
}
