//! Who may name whom.

use super::{Finding, Rule};
use crate::{
    source::{is_word, lines_naming, names, numbered},
    tree::File,
};

const STORE: &str = "apps/server/src/store/";

pub(super) const NO_SIBLINGS: Rule =
    Rule::files("a domain crate names no other package of the workspace: neither a sibling nor an app", |files| {
        let mut found = Vec::new();
        for file in files {
            let Some(own) = file.domain_crate() else { continue };
            let manifest = file.path.ends_with("/Cargo.toml");
            if !manifest && !file.is_rust() {
                continue;
            }
            let (text, separator) = if manifest { (&file.text, '-') } else { (&file.code, '_') };
            for (number, line) in numbered(text) {
                let line = if manifest { line.split('#').next().unwrap_or_default() } else { line };
                for package in packages(line, &format!("osaycore{separator}")) {
                    if package != own.replace('-', "_") && package != own {
                        found.push(Finding::new(
                            &file.path,
                            number,
                            format!("{own} names osaycore{separator}{package}"),
                        ));
                    }
                }
            }
        }
        found
    });

/// `osaycore_x::f(osaycore_y)` → x, y.
fn packages<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).filter_map(move |(at, _)| {
        let (before, after) = line.split_at_checked(at)?;
        let name = after.strip_prefix(prefix)?;
        let end = name.find(|c| !is_word(c) && c != '-').unwrap_or(name.len());
        let (name, _) = name.split_at_checked(end)?;
        (!before.ends_with(is_word) && !name.is_empty()).then_some(name)
    })
}

/// The benchmark measures against references that are built of the same frameworks.
fn is_benchmark(file: &File) -> bool {
    file.path.starts_with("apps/bench/")
}

/// The server's tests make, and doctor, databases from outside.
fn is_server_test(file: &File) -> bool {
    file.path.starts_with("apps/server/tests/")
}

pub(super) const DIESEL_IN_STORE_ONLY: Rule =
    Rule::files("diesel is named only under apps/server/src/store/", |files| {
        let elsewhere = files.iter().filter(|file| !in_store(file) && !is_benchmark(file) && !is_server_test(file));
        naming(elsewhere, &["diesel", "diesel_migrations"])
    });

pub(super) const NO_ACTIX_IN_STORE: Rule = Rule::files("the store never names actix", |files| {
    naming(files.iter().filter(|file| in_store(file)), &["actix_web", "actix_rt", "actix"])
});

pub(super) const FRAMEWORKS_IN_SERVER_ONLY: Rule =
    Rule::files("actix-web and diesel are dependencies of apps/server (and of its benchmark)", |files| {
        let mut found = Vec::new();
        let manifests = files.iter().filter(|file| {
            file.path.ends_with("/Cargo.toml") && file.path != "apps/server/Cargo.toml" && !is_benchmark(file)
        });
        for file in manifests {
            for (number, line) in numbered(&file.text) {
                // `diesel = …`, `diesel.workspace = …`, `[dependencies.diesel]`
                let line = line.trim_start_matches('[').rsplit("dependencies.").next();
                let key = line.unwrap_or_default().split([' ', '=', '.', ']']).next();
                let key = key.unwrap_or_default();
                if key.starts_with("actix") || key.starts_with("diesel") {
                    found.push(Finding::new(&file.path, number, format!("depends on {key}")));
                }
            }
        }
        let sources = files.iter().filter(|file| !file.path.starts_with("apps/server/") && !is_benchmark(file));
        found.extend(naming(sources, &["actix_web"]));
        found
    });

/// What a part of the server may name of the others by `crate::…`.
enum Reach {
    /// These and itself.
    Only(&'static [&'static str]),
    /// Everything but these.
    Not(&'static [&'static str]),
}

/// `routes → extract, store, error, admin, crates`; `store → schema, sealing, crates`.
const REACH: &[(&str, Reach)] = &[
    ("store", Reach::Only(&["schema", "sealing", "system", "traces"])),
    ("traces", Reach::Only(&["metrics", "system"])),
    ("sealing", Reach::Only(&["system"])),
    ("system", Reach::Only(&[])),
    ("routes", Reach::Not(&["cli", "console"])),
    ("extract", Reach::Not(&["routes", "cli", "console"])),
    // Whatever it changes goes through `admin`, in a transaction that `extract` opens.
    ("console", Reach::Not(&["cli", "background", "group_commit"])),
    ("admin", Reach::Not(&["routes", "extract", "cli", "console"])),
    ("oauth", Reach::Not(&["routes", "extract", "cli", "console", "store"])),
    ("error", Reach::Not(&["routes", "extract", "cli", "console"])),
    ("background", Reach::Not(&["routes", "extract", "cli", "console"])),
    ("group_commit", Reach::Not(&["routes", "extract", "cli", "console"])),
];

pub(super) const LAYERS: Rule = Rule::files(
    "routes name extract, store, error and the crates; the store names its schema, sealing, the \
     clock, traces and the crates; nothing names what stands above it",
    |files| {
        let mut found = Vec::new();
        for file in files {
            let Some(inside) = file.path.strip_prefix("apps/server/src/") else { continue };
            let part = inside.split(['/', '.']).next().unwrap_or_default();
            let Some((_, reach)) = REACH.iter().find(|(name, _)| *name == part) else { continue };
            for (line, name) in crate_paths(&file.shipped) {
                let may = name == part
                    || match reach {
                        Reach::Only(names) => names.contains(&name),
                        Reach::Not(names) => !names.contains(&name),
                    };
                if !may {
                    found.push(Finding::new(&file.path, line, format!("{part} names crate::{name}")));
                }
            }
        }
        found
    },
);

/// The first segments of all `crate::…` paths with their lines, those of `crate::{a, b::c}` too.
fn crate_paths(code: &str) -> Vec<(usize, &str)> {
    let mut paths = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        let (before, after) = code.split_at(at);
        // `$crate::` of a macro and `r#crate` are not ours to judge.
        if before.ends_with(|c| is_word(c) || c == '$') {
            continue;
        }
        let line = before.matches('\n').count().saturating_add(1);
        let after = after.strip_prefix(prefix).unwrap_or_default();
        if after.starts_with('{') {
            paths.extend(group(after).into_iter().map(|name| (line, name)));
        } else {
            paths.push((line, first_word(after)));
        }
    }
    paths
}

/// The first words of the entries of `{a, b::{c, d}, e}`: a, b, e.
fn group(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let mut names = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
        let starts_entry = (c == '{' || c == ',') && depth == 1;
        let entry = text.split_at(at).1.trim_start_matches(['{', ',']).trim_start();
        if starts_entry && entry.starts_with(is_word) {
            names.push(first_word(entry));
        }
    }
    names
}

fn first_word(text: &str) -> &str {
    text.split(|c| !is_word(c)).next().unwrap_or_default()
}

fn in_store(file: &File) -> bool {
    file.path.starts_with(STORE) || file.path == "apps/server/src/store.rs"
}

/// Where the code of `files` names one of `crates`.
fn naming<'a>(files: impl Iterator<Item = &'a File>, crates: &[&str]) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        for name in crates {
            let what = || format!("names {name}");
            found.extend(lines_naming(&file.code, name).filter_map(|line| {
                // `mod diesel` or a field of that name would be strange, but is no dependency.
                let text = file.code.lines().nth(line.saturating_sub(1))?;
                is_path(text, name).then(|| Finding::new(&file.path, line, what()))
            }));
        }
    }
    found
}

/// `name::…`, `use name`, `extern crate name`, `#[name(…)]` and `#[name = …]`.
fn is_path(line: &str, name: &str) -> bool {
    [format!("{name}::"), format!("use {name}"), format!("extern crate {name}"), format!("[{name}")]
        .iter()
        .any(|form| names(line, form))
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn siblings_are_caught() {
        assert_finds(
            NO_SIBLINGS,
            &[
                (
                    "crates/ledger/Cargo.toml",
                    "name = \"osaycore-ledger\"\nosaycore-ledger = { path = \".\" }\n\
                     osaycore-audit.workspace = true # osaycore-jwt\n",
                ),
                ("crates/ledger/src/lib.rs", "use osaycore_ledger::A; // osaycore_jwt\n"),
                ("crates/ledger/tests/a.rs", "\nuse osaycore_flags::A;\nosaycore_server::f();"),
                ("apps/server/src/lib.rs", "use osaycore_flags::A;"),
            ],
            &[("crates/ledger/Cargo.toml", 3), ("crates/ledger/tests/a.rs", 2), ("crates/ledger/tests/a.rs", 3)],
        );
    }

    #[test]
    fn diesel_outside_the_store_is_caught() {
        assert_finds(
            DIESEL_IN_STORE_ONLY,
            &[
                ("apps/server/src/store/db.rs", "use diesel::prelude::*;"),
                ("apps/server/src/routes/credits.rs", "// diesel::x\nuse diesel::prelude::*;"),
                ("apps/server/src/cli/migrate.rs", "diesel_migrations::f();\nself.diesel();"),
                ("apps/server/src/main.rs", "#[diesel(table_name = a)]\nuse ::diesel;"),
            ],
            &[
                ("apps/server/src/routes/credits.rs", 2),
                ("apps/server/src/cli/migrate.rs", 1),
                ("apps/server/src/main.rs", 1),
            ],
        );
    }

    #[test]
    fn actix_in_the_store_is_caught() {
        assert_finds(
            NO_ACTIX_IN_STORE,
            &[
                ("apps/server/src/routes/credits.rs", "use actix_web::web;"),
                ("apps/server/src/store/db.rs", "\nactix_web::web::block(f)"),
            ],
            &[("apps/server/src/store/db.rs", 2)],
        );
    }

    #[test]
    fn frameworks_outside_the_server_are_caught() {
        assert_finds(
            FRAMEWORKS_IN_SERVER_ONLY,
            &[
                ("apps/server/Cargo.toml", "actix-web.workspace = true"),
                ("apps/bench/Cargo.toml", "[dependencies]\nactix-web.workspace = true"),
                ("apps/xtask/Cargo.toml", "[dependencies]\nactix-web.workspace = true"),
                ("crates/ledger/Cargo.toml", "diesel = { workspace = true }"),
                ("crates/flags/Cargo.toml", "[dev-dependencies.diesel_migrations]"),
                ("apps/bench/src/main.rs", "use actix_web::web;"),
                ("apps/xtask/src/main.rs", "use actix_web::web;"),
            ],
            &[
                ("apps/xtask/Cargo.toml", 2),
                ("crates/ledger/Cargo.toml", 1),
                ("crates/flags/Cargo.toml", 1),
                ("apps/xtask/src/main.rs", 1),
            ],
        );
    }

    #[test]
    fn upward_paths_are_caught() {
        assert_finds(
            LAYERS,
            &[
                (
                    "apps/server/src/store/db.rs",
                    "use crate::{\n store::a, sealing::{b, c}, routes::d};\ncrate::error::E;",
                ),
                ("apps/server/src/routes/a.rs", "use crate::{store, extract};\ncrate::cli::f();"),
                ("apps/server/src/extract/mod.rs", "crate::store::f();\ncrate::routes::f();"),
                ("apps/server/src/cli/a.rs", "crate::routes::f();"),
                ("apps/server/src/console/a.rs", "crate::admin::f();\ncrate::group_commit::f();"),
                ("apps/server/src/oauth/flow.rs", "crate::system::f();\ncrate::store::f();"),
            ],
            &[
                ("apps/server/src/store/db.rs", 1),
                ("apps/server/src/store/db.rs", 3),
                ("apps/server/src/routes/a.rs", 2),
                ("apps/server/src/extract/mod.rs", 2),
                ("apps/server/src/console/a.rs", 2),
                ("apps/server/src/oauth/flow.rs", 2),
            ],
        );
    }
}
