//! What the rules read: the files that git tracks or would track, with their text.

use crate::source;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One file of the repository.
#[derive(Debug)]
pub struct File {
    /// Relative to the root of the repository, with `/`.
    pub path: String,
    /// The text as it stands.
    pub text: String,
    /// For Rust, the text with comments, strings and characters blanked; empty for other files.
    pub code: String,
    /// `code` with `#[cfg(test)]` modules blanked; empty where the whole file is a test.
    pub shipped: String,
}

impl File {
    /// A file from its path and text; rules are tried on such files without a repository.
    pub fn new(path: &str, text: &str) -> Self {
        let code = if is_rust(path) { source::code(text) } else { String::new() };
        let shipped = if is_test(path) { String::new() } else { source::without_tests(&code) };
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped }
    }

    /// Whether the file is Rust source.
    pub fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// The folder name under `crates/`, for a file of a domain crate.
    pub fn domain_crate(&self) -> Option<&str> {
        Some(self.path.strip_prefix("crates/")?.split_once('/')?.0)
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Integration tests, benches and `tests.rs` modules.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.contains("/benches/") || path.ends_with("/tests.rs")
}

/// All files, in the order of their paths.
#[derive(Debug)]
pub struct Tree {
    /// Where the workspace's `Cargo.toml` lies.
    pub root: PathBuf,
    /// Every text file that git tracks or would track.
    pub files: Vec<File>,
}

impl Tree {
    /// Reads the repository around this package.
    ///
    /// # Errors
    /// Git is missing or refuses; the message is its own.
    pub fn read() -> Result<Self, String> {
        let root = root();
        // A checkout of another user, as in a container, is read all the same: we run its code.
        let listing = Command::new("git")
            .args(["-c", "safe.directory=*"])
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&root)
            .output()
            .map_err(|error| format!("git did not start: {error}"))?;
        if !listing.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr)));
        }
        let mut paths: Vec<&str> = str::from_utf8(&listing.stdout)
            .map_err(|_| "a path of the repository is not UTF-8".to_owned())?
            .split('\0')
            .filter(|path| !path.is_empty())
            .collect();
        paths.sort_unstable();
        // A path that cannot be read as text is deleted but still tracked, or an image.
        let read = |path: &&str| Some(File::new(path, &fs::read_to_string(root.join(path)).ok()?));
        let files = paths.iter().filter_map(read).collect();
        Ok(Self { root, files })
    }

    /// The domain crates: the folders under `crates/` that have a manifest.
    pub fn domain_crates(&self) -> Vec<&str> {
        self.files
            .iter()
            .filter_map(|file| {
                let name = file.domain_crate()?;
                (file.path.strip_prefix("crates/")?.strip_prefix(name)? == "/Cargo.toml").then_some(name)
            })
            .collect()
    }
}

/// The root of the workspace, two folders above this package.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// Where cargo builds: `CARGO_TARGET_DIR`, else `target/`.
pub fn target_folder() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(named)
}
