//! Where things stand and how they are called.

use super::{Finding, Rule};
use crate::{source::numbered, tree::File};

const BANNED_MODULES: &[&str] = &["utils", "util", "helpers", "common", "services"];

pub(super) const MODULE_NAMES: Rule = Rule::files(
    "no module or package is called utils, helpers, common or services: a name says what is inside",
    |files| {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| file.is_rust()) {
            let mut parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
            if let Some(part) = parts.find(|part| BANNED_MODULES.contains(part)) {
                found.push(Finding::new(&file.path, 0, format!("a module called {part}")));
            }
            found.extend(numbered(&file.code).filter_map(|(number, line)| {
                let name = line.split_once("mod ")?.1.split([';', ' ', '{']).next()?;
                let inline = BANNED_MODULES.contains(&name) && line.contains('{');
                inline.then(|| Finding::new(&file.path, number, format!("a module called {name}")))
            }));
        }
        found
    },
);

pub(super) const CRATE_README: Rule = Rule::files(
    "every domain crate has a README.md with a Rust example, and it is the crate's documentation",
    |files| {
        let mut found = Vec::new();
        for file in files {
            let Some(name) = file.domain_crate() else { continue };
            if file.path != format!("crates/{name}/src/lib.rs") {
                continue;
            }
            if !file.text.lines().any(|line| line == "#![doc = include_str!(\"../README.md\")]") {
                found.push(Finding::new(&file.path, 0, "does not include ../README.md as its doc"));
            }
            let path = format!("crates/{name}/README.md");
            match files.iter().find(|file| file.path == path) {
                None => found.push(Finding::new(&path, 0, "is missing")),
                Some(readme) if !readme.text.lines().any(is_compiled_example) => {
                    found.push(Finding::new(&path, 0, "has no ```rust example that is compiled"));
                }
                Some(_) => {}
            }
        }
        found
    },
);

fn is_compiled_example(line: &str) -> bool {
    line.strip_prefix("```rust").is_some_and(|rest| !rest.contains("ignore"))
}

pub(super) const WORKSPACE_LINTS: Rule = Rule::files(
    "every package takes the lints of the workspace: unsafe code, panics and casts are denied there",
    |files| {
        files
            .iter()
            .filter(|file| {
                let member = file.path.starts_with("crates/") || file.path.starts_with("apps/");
                member && file.path.ends_with("/Cargo.toml") && file.path.matches('/').count() == 2
            })
            .filter(|file| !file.text.contains("[lints]\nworkspace = true"))
            .map(|file| Finding::new(&file.path, 0, "[lints] workspace = true is missing"))
            .collect()
    },
);

/// Past this many lines a file wants a reason.
const LONG_LINES: usize = 500;
/// Past this many it wants a split.
const TOO_LONG_LINES: usize = 700;

pub(super) const FILE_LENGTH: Rule =
    Rule::files("a Rust file has at most 700 lines; past 500 it wants a reason", |files| {
        longer_than(files, TOO_LONG_LINES)
    });

/// The files that grow long: not broken yet.
pub(super) fn long_files(files: &[File]) -> Vec<Finding> {
    longer_than(files, LONG_LINES)
}

fn longer_than(files: &[File], limit: usize) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > limit)
        .map(|(file, lines)| Finding::new(&file.path, lines, format!("{lines} lines")))
        .collect()
}

const TOP_LEVEL_ENTRIES: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "apps",
    "clippy.toml",
    "crates",
    "deny.toml",
    "deploy",
    "docs",
    "examples",
    "migrations",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

pub(super) const TOP_LEVEL: Rule = Rule::files(
    "the top level holds what docs/architecture.md lists; a new entry is added to both on purpose",
    |files| {
        let mut found: Vec<Finding> = Vec::new();
        for file in files {
            let entry = file.path.split('/').next().unwrap_or_default();
            let known = TOP_LEVEL_ENTRIES.contains(&entry);
            if !known && found.iter().all(|finding| finding.path != entry) {
                found.push(Finding::new(entry, 0, "is not one of the listed entries"));
            }
        }
        found
    },
);

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn empty_names_are_caught() {
        assert_finds(
            MODULE_NAMES,
            &[
                ("crates/a/src/utils.rs", ""),
                ("crates/a/src/helpers/b.rs", ""),
                ("crates/a/src/lib.rs", "mod utils;\npub(crate) mod common { }\nmod commons { }"),
                ("docs/common/a.md", ""),
            ],
            &[("crates/a/src/utils.rs", 0), ("crates/a/src/helpers/b.rs", 0), ("crates/a/src/lib.rs", 2)],
        );
    }

    #[test]
    fn an_undocumented_crate_is_caught() {
        let documented = "#![doc = include_str!(\"../README.md\")]\n";
        assert_finds(
            CRATE_README,
            &[
                ("crates/a/src/lib.rs", documented),
                ("crates/a/README.md", "# a\n```rust\nf();\n```\n"),
                ("crates/b/src/lib.rs", "//! b"),
                ("crates/c/src/lib.rs", documented),
                ("crates/c/README.md", "# c\n```rust,ignore\nf();\n```\n"),
            ],
            &[("crates/b/src/lib.rs", 0), ("crates/b/README.md", 0), ("crates/c/README.md", 0)],
        );
    }

    #[test]
    fn a_package_without_the_lints_is_caught() {
        assert_finds(
            WORKSPACE_LINTS,
            &[
                ("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
                ("apps/b/Cargo.toml", "[dependencies]\n"),
                ("Cargo.toml", ""),
            ],
            &[("apps/b/Cargo.toml", 0)],
        );
    }

    #[test]
    fn length_is_counted() {
        let (long, too_long) = ("\n".repeat(700), "\n".repeat(701));
        let files = [("a.rs", long.as_str()), ("b.rs", too_long.as_str()), ("c.md", &too_long)];
        assert_finds(FILE_LENGTH, &files, &[("b.rs", 701)]);
        let files = files.map(|(path, text)| File::new(path, text));
        assert_eq!(long_files(&files).len(), 2);
    }

    #[test]
    fn strangers_at_the_top_are_caught() {
        assert_finds(
            TOP_LEVEL,
            &[("notes/a.md", ""), ("notes/b.md", ""), ("crates/a/x", ""), ("run.sh", "")],
            &[("notes", 0), ("run.sh", 0)],
        );
    }
}
