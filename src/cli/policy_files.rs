//! Owns the search for policy files: the system's, the user's, the repository's, the given one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::text_file::{self, Named, Unreadable};
use crate::error::Result;
use crate::policy::mistake::LayerText;
use crate::policy::rule::Layer;

/// The machine's own layer.
pub(super) const SYSTEM: &str = "/etc/govern/policy.toml";

/// Where each layer's file lies, whether it is there or not, outermost first.
pub fn places(
    folder: &Path,
    repository: Option<&Path>,
    given: Option<&Path>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Vec<(Layer, PathBuf)> {
    let mut places = vec![(Layer::System, PathBuf::from(SYSTEM))];
    places.extend(config_folder(&env).map(|config| (Layer::User, config.join("govern/policy.toml"))));
    // The nearest one, and none above the repository's root: a stranger's folder is no policy.
    let nearest = folder
        .ancestors()
        .take_while(|above| repository.is_none_or(|root| above.starts_with(root)))
        .take(if repository.is_some() { usize::MAX } else { 1 })
        .map(|above| above.join("govern.toml"))
        // What is no file there is no policy either, but not none: it is refused when it is read.
        .find(|path| text_file::is_there(path).unwrap_or(true));
    places.extend(nearest.map(|path| (Layer::Repository, path)));
    let given = given.map(Path::to_owned).or_else(|| env("GOVERN_POLICY").map(PathBuf::from));
    places.extend(given.map(|path| (Layer::Given, path)));
    places
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
    }

    #[test]
    fn a_given_policy_that_is_missing_is_an_error_and_others_are_not() {
        let missing = PathBuf::from("/nonexistent/policy.toml");
        assert!(read(vec![(Layer::User, missing.clone())]).unwrap().is_empty());
        let error = read(vec![(Layer::Given, missing)]).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}
