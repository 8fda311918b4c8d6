//! Codex's configuration files: read, never written here.

use std::io::Read;
use std::path::Path;

use super::cursor::open_file;

/// The largest that is read, in bytes.
const MOST: u64 = 1024 * 1024;

/// Where the machine's own lies: its hooks are managed, and no user turns them off.
pub const MANAGED: &str = "/etc/codex/requirements.toml";

/// The text of a home's `config.toml`; `None` where there is none that can be read.
pub fn of(home: &Path) -> Option<String> {
    at(&home.join("config.toml"))
}

/// The text of a profile's own file in a home (`codex -p NAME`, 0.171); `None` where there is none that can be read.
pub fn of_profile(home: &Path, name: &str) -> Option<String> {
    // A name that is a path would lead elsewhere.
    Path::new(name).file_name().filter(|own| *own == name)?;
    at(&home.join(format!("{name}.config.toml")))
}

/// The configuration that a project brings: `.codex/config.toml` of the folder and of those above it up to the repository's
/// own, the outermost first. Codex obeys it where the user trusts the project (0.171).
pub fn of_project(folder: &Path) -> Vec<String> {
    let root = folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(folder);
    let within = folder.ancestors().take_while(|above| above.starts_with(root));
    let mut texts: Vec<String> = within.filter_map(|above| at(&above.join(".codex/config.toml"))).collect();
    texts.reverse();
    texts
}

/// The text of a configuration file; `None` where there is none that can be read.
pub fn at(path: &Path) -> Option<String> {
    let mut text = String::new();
    open_file(path).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_project_s_configuration_is_read_from_its_root_to_the_folder() {
        let temp = tempfile::tempdir().unwrap();
        let (above, root) = (temp.path(), temp.path().join("repository"));
        let folder = root.join("a/b");
        fs::create_dir_all(&folder).unwrap();
        for (at, text) in [(above, "above"), (&root, "root"), (&folder, "nearest")] {
            fs::create_dir_all(at.join(".codex")).unwrap();
            fs::write(at.join(".codex/config.toml"), text).unwrap();
        }
        assert_eq!(of_project(&folder), ["nearest"], "there is no repository");
        fs::create_dir(root.join(".git")).unwrap();
        assert_eq!(of_project(&folder), ["root", "nearest"]);
        fs::write(above.join("fast.config.toml"), "service_tier = \"fast\"").unwrap();
        assert!(of_profile(above, "fast").is_some() && of_profile(above, "../fast").is_none());
    }
}
