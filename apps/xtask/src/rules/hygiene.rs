//! What is left behind by accident.

use super::{Finding, Rule};
use crate::{
    source::{is_word, names, numbered},
    tree::File,
};

pub(super) const NO_ALLOW: Rule = Rule::files(
    "a lint is silenced by #[expect(…, reason = \"…\")], which fails when it is not needed any \
     more; never by #[allow]",
    |files| {
        in_code(files, |line| {
            let attribute = line.contains("#[") || line.contains("#![");
            (attribute && names(line, "allow(")).then_some("allow")
        })
    },
);

pub(super) const NOTHING_LEFT_OPEN: Rule =
    Rule::files("nothing is left open: no todo!, unimplemented!, dbg!, ignored test", |files| {
        in_code(files, |line| ["todo!", "unimplemented!", "dbg!", "#[ignore"].into_iter().find(|it| names(line, it)))
    });

fn in_code(files: &[File], wrong: fn(&str) -> Option<&'static str>) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        found.extend(numbered(&file.code).filter_map(|(number, line)| {
            wrong(line).map(|what| Finding::new(&file.path, number, format!("{what} in the code")))
        }));
    }
    found
}

/// Beginnings of paths that exist on somebody's machine only; written in two halves, because this
/// file is read by the rule too.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/ro", "ot/."), concat!("/Us", "ers/")];

/// A home folder, with a name behind it.
const HOME: &str = concat!("/ho", "me/");

pub(super) const NO_MACHINE_PATHS: Rule =
    Rule::files("no tracked file names a path of a developer's machine", |files| {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| file.path != "Cargo.lock") {
            for (number, line) in numbered(&file.text) {
                let mut starts = MACHINE_PATHS.iter().chain([&HOME]);
                if let Some(start) = starts.find(|start| begins_a_path(line, start)) {
                    found.push(Finding::new(&file.path, number, format!("names {start}…")));
                }
            }
        }
        found
    });

/// Whether `start` stands in `line` as the beginning of a path with something behind it: not in the
/// middle of a longer path or of an URL.
fn begins_a_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let (before, after) = line.split_at(at);
        let after = after.strip_prefix(start).unwrap_or_default();
        !before.ends_with(|c| is_word(c) || c == '-' || c == '.') && after.starts_with(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn allow_is_caught() {
        assert_finds(
            NO_ALLOW,
            &[(
                "crates/a/src/lib.rs",
                "#![allow(dead_code)]\n#[expect(a, reason = \"#[allow(b)]\")]\n// #[allow(c)]\n\
                 #[cfg_attr(test, allow(d))]\nfn allow() { allow(e) }",
            )],
            &[("crates/a/src/lib.rs", 1), ("crates/a/src/lib.rs", 4)],
        );
    }

    #[test]
    fn open_ends_are_caught() {
        assert_finds(
            NOTHING_LEFT_OPEN,
            &[
                ("apps/a/src/lib.rs", "todo!()\n\"todo!()\"\nunimplemented!()\n// dbg!(a)"),
                ("apps/a/tests/b.rs", "dbg!(a);\n#[ignore]\nmy_todo!();"),
            ],
            &[("apps/a/src/lib.rs", 1), ("apps/a/src/lib.rs", 3), ("apps/a/tests/b.rs", 1), ("apps/a/tests/b.rs", 2)],
        );
    }

    #[test]
    fn machine_paths_are_caught() {
        let home = concat!("cp /ho", "me/ada/x .\nhttps://a.example/ho", "me/ada");
        let work = concat!("a\ncd /wo", "rk/main\nnet/wo", "rk/main");
        assert_finds(
            NO_MACHINE_PATHS,
            &[("README.md", home), ("apps/a/src/lib.rs", work), ("Cargo.lock", home)],
            &[("README.md", 1), ("apps/a/src/lib.rs", 2)],
        );
    }
}
