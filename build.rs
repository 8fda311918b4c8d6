//! How the program is linked.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A program that may be loaded anywhere has each of its 46,000 pointers set when it starts, and the pages under them
    // copied: 1 ms, for each hook that Codex waits for. At a fixed place there is nothing to set. What it links to, its
    // stack and its heap lie where the kernel puts them as before.
    let is =
        |variable: &str, value: &str| std::env::var(variable).is_ok_and(|it| it.split(',').any(|one| one == value));
    let dynamic = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && !is("CARGO_CFG_TARGET_FEATURE", "crt-static");
    if dynamic {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
