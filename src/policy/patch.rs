//! The files that a patch touches, in the form that Codex's `apply_patch` reads.

/// Each file that a patch adds, changes, deletes or moves, as the patch names it, in its order and once. Text that is no
/// patch names none.
pub fn paths(patch: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for line in patch.lines() {
        let named = ["*** Add File:", "*** Update File:", "*** Delete File:", "*** Move to:"]
            .iter()
            .find_map(|word| line.trim_start().strip_prefix(word))
            .map(str::trim)
            .filter(|path| !path.is_empty());
        if let Some(path) = named.filter(|path| !paths.iter().any(|known| known == path)) {
            paths.push(path.to_owned());
        }
    }
    paths
}

/// A path without `.` and with `..` resolved by its text alone; links are not followed.
pub(super) fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_a_patch_are_named_once() {
        let patch = "*** Begin Patch\n*** Update File: src/a.rs\n*** Move to: src/b.rs\n@@\n-x\n+*** not a header\n\
            *** Add File: new.txt\n+hello\n*** Delete File:  old/c.rs \n*** Update File: src/a.rs\n*** End Patch\n";
        assert_eq!(paths(patch), ["src/a.rs", "src/b.rs", "new.txt", "old/c.rs"]);
        assert!(paths("no patch").is_empty());
    }

    #[test]
    fn detours_of_a_path_are_resolved() {
        for (path, resolved) in [
            ("./a/../.github/x", ".github/x"),
            ("a//b", "a/b"),
            ("/w/../etc/passwd", "/etc/passwd"),
            ("../x", "../x"),
            ("a/../../x", "../x"),
        ] {
            assert_eq!(super::resolved(path), resolved, "{path}");
        }
    }
}
