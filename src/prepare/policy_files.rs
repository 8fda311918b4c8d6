//! The search for policy files: the system's, the user's, the repository's, the given one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::text_file::{self, Named, Unreadable};
use crate::error::Result;
use crate::policy::mistake::LayerText;
use crate::policy::rule::Layer;
use crate::report::text::printable;

/// The machine's own layer.
pub(crate) const SYSTEM: &str = "/etc/govern/policy.toml";

/// Where each layer's file lies, whether it is there or not, outermost first.
pub fn places(
    folder: &Path,
    repository: Option<&Path>,
    given: Option<&Path>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Vec<(Layer, PathBuf)> {
    let mut places = vec![(Layer::System, PathBuf::from(SYSTEM))];
    places.extend(config_folder(&env).map(|config| (Layer::User, config.join("govern/policy.toml"))));
    places.extend(of_repository(folder, repository).next().map(|path| (Layer::Repository, path)));
    let given = given.map(Path::to_owned).or_else(|| env("GOVERN_POLICY").map(PathBuf::from));
    places.extend(given.map(|path| (Layer::Given, path)));
    places
}

/// The repository's files, the nearest first: that one counts. None above the repository's root is one of them: a
/// stranger's folder is no policy.
fn of_repository(folder: &Path, repository: Option<&Path>) -> impl Iterator<Item = PathBuf> {
    folder
        .ancestors()
        .take_while(move |above| repository.is_none_or(|root| above.starts_with(root)))
        .take(if repository.is_some() { usize::MAX } else { 1 })
        .map(|above| above.join("govern.toml"))
        // What is no file there is no policy either, but not none: it is refused when it is read.
        .filter(|path| text_file::is_there(path).unwrap_or(true))
}

/// What is said where a nearer file of the repository hides others above it: their rules count for nothing here.
pub fn hidden(folder: &Path, repository: Option<&Path>) -> Option<String> {
    let mut files = of_repository(folder, repository);
    let nearest = files.next()?;
    let above: Vec<String> = files.map(|path| format!("`{}`", printable(&path.display().to_string()))).collect();
    let (do_not, those) = if above.len() == 1 { ("does not", "it") } else { ("do not", "them") };
    (!above.is_empty()).then(|| {
        format!(
            "{} {do_not} count here: `{}` is nearer, and takes the place of {those}",
            above.join(" and "),
            printable(&nearest.display().to_string())
        )
    })
}

/// Where a user's configuration lies, by his environment.
pub fn config_folder(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let home = || env("HOME").map(|home| PathBuf::from(home).join(".config"));
    env("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)
}

/// Somebody named the file, so that it must be there.
fn is_named(layer: Layer) -> bool {
    matches!(layer, Layer::Given | Layer::Fleet)
}

/// Reads the layers that are there. A given one must be.
pub fn read(places: Vec<(Layer, PathBuf)>) -> Result<Vec<LayerText>> {
    let mut layers = Vec::new();
    for (layer, path) in places {
        let (what, hint) = if layer == Layer::Fleet {
            ("fleet file", Some("name the fleet's file: docs/fleets.md has one to begin with"))
        } else {
            ("policy", Some("a policy that cannot be read is not taken for an empty one"))
        };
        let unreadable = |error: Unreadable| error.into_error(what, &path, hint);
        if !is_named(layer) && !text_file::is_there(&path).map_err(unreadable)? {
            continue;
        }
        let named = if is_named(layer) { Named::Typed } else { Named::Found };
        let text = text_file::read(&path, named).map_err(unreadable)?;
        layers.push(LayerText { layer, path: Some(path), text });
    }
    Ok(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_up_to_the_repositorys_root_counts_and_none_above() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("repo");
        let inner = root.join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(temp.path().join("govern.toml"), "").unwrap();
        let found = |repository: Option<&Path>| {
            let places = places(&inner, repository, None, |_| None);
            places.into_iter().find(|(layer, _)| *layer == Layer::Repository).map(|(_, path)| path)
        };
        assert_eq!(found(Some(&root)), None);
        std::fs::write(root.join("govern.toml"), "").unwrap();
        assert_eq!(found(Some(&root)), Some(root.join("govern.toml")));
        std::fs::write(root.join("a/govern.toml"), "").unwrap();
        assert_eq!(found(Some(&root)), Some(root.join("a/govern.toml")));
        assert_eq!(found(None), None, "without a repository only the folder itself is looked at");
        let said = hidden(&inner, Some(&root)).unwrap();
        let names = |path: PathBuf| format!("`{}`", path.display());
        let (above, nearer) = (names(root.join("govern.toml")), names(root.join("a/govern.toml")));
        assert_eq!(said, format!("{above} does not count here: {nearer} is nearer, and takes the place of it"));
        assert_eq!(hidden(&root, Some(&root)), None);
        assert_eq!(hidden(&inner, None), None);
    }

    #[test]
    fn a_given_policy_that_is_missing_is_an_error_and_others_are_not() {
        let missing = PathBuf::from("/nonexistent/policy.toml");
        assert!(read(vec![(Layer::User, missing.clone())]).unwrap().is_empty());
        let error = read(vec![(Layer::Given, missing)]).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}
