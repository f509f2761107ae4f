//! What the domain crates stand on, and under which licences everything is.
//!
//! `deny.toml` holds the lists of licences and bans; `cargo deny` reads the same file where it is
//! installed, these rules hold everywhere.

use super::{Finding, Rule};
use crate::{source::numbered, tree::File};
use std::{path::Path, process::Command};

/// Packages that reach out of the program or bring what does: whole names, or `prefix*`.
const IO_CRATES: &[&str] = &[
    "actix*",
    "async-std",
    "chrono",
    "diesel*",
    "fastrand",
    "getrandom",
    "hyper*",
    "libsqlite3-sys",
    "mio",
    "postgres*",
    "pq-sys",
    "r2d2",
    "rand",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "sqlx*",
    "tempfile",
    "tokio*",
    "ureq",
];

pub(super) const NO_IO_CRATES: Rule =
    Rule::tree("the dependencies of a domain crate do no I/O and draw no randomness", |tree| {
        let mut found = Vec::new();
        for name in tree.domain_crates() {
            let package = format!("osaycore-{name}");
            let listing =
                cargo_tree(&tree.root, &["--package", &package, "--edges", "normal,no-proc-macro", "--format", "{p}"])?;
            found.extend(io_crates(name, &listing));
        }
        Ok(found)
    });

/// `listing`: one `name vX.Y.Z` a line, as `cargo tree --prefix none` prints it.
fn io_crates(domain_crate: &str, listing: &str) -> Vec<Finding> {
    let manifest = format!("crates/{domain_crate}/Cargo.toml");
    let mut packages: Vec<&str> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    packages.sort_unstable();
    packages.dedup();
    let does_io = |package: &&str| {
        IO_CRATES.iter().any(|entry| match entry.strip_suffix('*') {
            Some(prefix) => package.starts_with(prefix),
            None => package == entry,
        })
    };
    packages
        .into_iter()
        .filter(does_io)
        .map(|package| Finding::new(&manifest, 0, format!("{domain_crate} stands on {package}")))
        .collect()
}

pub(super) const LICENCES: Rule = Rule::tree("every dependency has a licence that deny.toml allows", |tree| {
    let Some(deny) = tree.files.iter().find(|file| file.path == "deny.toml") else {
        return Ok(vec![Finding::new("deny.toml", 0, "is missing")]);
    };
    let edges = "normal,build,dev";
    let listing = cargo_tree(&tree.root, &["--workspace", "--target", "all", "--edges", edges, "--format", "{p}|{l}"])?;
    Ok(licences(&list(&deny.text, "allow"), &listing))
});

/// `listing`: one `name vX.Y.Z|expression` a line.
fn licences(allowed: &[String], listing: &str) -> Vec<Finding> {
    let mut lines: Vec<&str> = listing.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
        .into_iter()
        .filter_map(|line| line.split_once('|'))
        .filter(|(_, expression)| !permits(expression, allowed))
        .map(|(package, expression)| Finding::new("Cargo.lock", 0, format!("{package} is under `{expression}`")))
        .collect()
}

/// Whether an SPDX expression can be met by `allowed`: some alternative of every conjunct. `OR`
/// binds weaker than `AND`; parentheses nest; the old `/` means `OR`.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let permitted = any_of(&mut words, allowed);
    permitted && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut permitted = all_of(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        permitted |= all_of(words, allowed);
    }
    permitted
}

fn all_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    let mut permitted = one_of(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        permitted &= one_of(words, allowed);
    }
    permitted
}

fn one_of(words: &mut Words<'_>, allowed: &[String]) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let permitted = any_of(words, allowed);
        return words.next_if_eq(&")").is_some() && permitted;
    }
    let Some(licence) = words.next() else { return false };
    let named = match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => format!("{licence} WITH {exception}"),
        None => licence.to_owned(),
    };
    allowed.contains(&named)
}

pub(super) const BANS_AND_SOURCES: Rule =
    Rule::tree("nothing is built that deny.toml bans, and nothing comes from outside crates.io", |tree| {
        let text = |path| tree.files.iter().find(|file: &&File| file.path == path).map(|it| &it.text);
        let (Some(lock), Some(deny)) = (text("Cargo.lock"), text("deny.toml")) else {
            return Ok(vec![Finding::new("deny.toml", 0, "is missing, or Cargo.lock is")]);
        };
        // Not by the lock file: that has what a feature which nobody turns on would bring.
        let built = cargo_tree(&tree.root, &["--workspace", "--target", "all", "--edges", "normal,build,dev"])?;
        let mut found = banned(&list(deny, "deny"), &built);
        found.extend(foreign(lock));
        Ok(found)
    });

/// `listing`: one `name vX.Y.Z` a line.
fn banned(names: &[String], listing: &str) -> Vec<Finding> {
    let mut packages: Vec<&str> = listing.lines().filter_map(|line| line.split(' ').next()).collect();
    packages.sort_unstable();
    packages.dedup();
    let is_banned = |package: &&str| names.iter().any(|name| name == package);
    packages.into_iter().filter(is_banned).map(|package| Finding::new("Cargo.lock", 0, package)).collect()
}

fn foreign(lock: &str) -> Vec<Finding> {
    let crates_io = "registry+https://github.com/rust-lang/crates.io-index";
    let sources = numbered(lock).filter_map(|(number, line)| Some((number, line.strip_prefix("source = ")?)));
    sources
        .map(|(number, source)| (number, source.trim_matches('"')))
        .filter(|(_, source)| *source != crates_io)
        .map(|(number, source)| Finding::new("Cargo.lock", number, source))
        .collect()
}

/// The quoted strings of `key = [ … ]`; of `{ name = "…", reason = "…" }` the name.
fn list(toml: &str, key: &str) -> Vec<String> {
    let open = format!("{key} = [");
    toml.lines()
        .skip_while(|line| *line != open)
        .skip(1)
        .take_while(|line| *line != "]")
        .filter_map(|line| line.split('"').nth(1))
        .map(str::to_owned)
        .collect()
}

fn cargo_tree(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(crate::suite::cargo())
        .args(["tree", "--quiet", "--prefix", "none"])
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo tree did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)));
    }
    String::from_utf8(output.stdout).map_err(|_| "cargo tree: not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_below_a_domain_crate_is_caught() {
        let clean = "osaycore-ledger v0.1.0 (/x)\nuuid v1.0.0\nrandom-name v1.0.0\nserde v1 (*)\n";
        assert_eq!(io_crates("ledger", clean), []);
        for package in ["tokio", "tokio-util", "diesel", "actix-web", "getrandom", "mio"] {
            let listing = format!("{clean}{package} v1.0.0 (*)\n{package} v1.0.0\n");
            let found = io_crates("ledger", &listing);
            assert_eq!(found.len(), 1, "{package}");
            assert!(found[0].what.ends_with(package), "{package}");
        }
    }

    #[test]
    fn licences_are_weighed() {
        let allowed = ["MIT", "Apache-2.0", "ISC"].map(str::to_owned);
        for (expression, wanted) in [
            ("MIT", true),
            ("GPL-3.0-or-later", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-3.0) AND ISC", true),
            ("(MIT OR GPL-3.0) AND BSL-1.0", false),
            ("Apache-2.0 WITH LLVM-exception", false),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("", false),
        ] {
            assert_eq!(permits(expression, &allowed), wanted, "{expression}");
        }
        let found = licences(&allowed, "a v1|MIT\nb v2|GPL-3.0\nb v2|GPL-3.0 (*)\nc v3|\n");
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn banned_and_foreign_packages_are_caught() {
        let names = list("deny = [\n  { name = \"openssl\", reason = \"no\" },\n]\n", "deny");
        assert_eq!(banned(&names, "serde v1\nopenssl-probe v1 (*)\n"), []);
        let found = banned(&names, "serde v1\nopenssl v1 (*)\nopenssl v1\n");
        assert_eq!(found.iter().map(|it| it.what.as_str()).collect::<Vec<_>>(), ["openssl"]);

        let crates_io = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        let lock = format!("name = \"serde\"\n{crates_io}\nsource = \"git+https://example.com/mine\"\n");
        let found = foreign(&lock);
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [3]);
    }
}
