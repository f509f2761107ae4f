//! No I/O, no clock, no randomness in the core; one place for them in the server.

use super::{Finding, Rule};
use crate::source::{lines_naming, numbered};

const SYSTEM: &str = "apps/server/src/system.rs";

/// What reads the clock or draws randomness. `clippy.toml` says the same to the compiler, with
/// types known; this list also sees what is behind a `cfg` that the build leaves out.
const CLOCK_AND_RANDOMNESS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now_utc",
    "UtcDateTime::now",
    "Uuid::new_v4",
    "Uuid::now_v7",
    "getrandom::fill",
    "getrandom::u32",
    "getrandom::u64",
    "getrandom::SysRng",
    "rand::rng",
    "rand::random",
    "OsRng",
    "SysRng",
];

pub(super) const ONE_CLOCK: Rule = Rule::files(
    "the real clock and randomness are read only in apps/server/src/system.rs \
     (tests, apps/bench and apps/xtask measure with them)",
    |files| {
        let mut found = Vec::new();
        for file in files {
            let judged = file.domain_crate().is_some() || file.path.starts_with("apps/server/");
            if !judged || file.path == SYSTEM {
                continue;
            }
            for call in CLOCK_AND_RANDOMNESS {
                found.extend(
                    lines_naming(&file.shipped, call)
                        .map(|line| Finding::new(&file.path, line, format!("{call}: take it as an argument"))),
                );
            }
        }
        found
    },
);

/// Modules of std that reach out of the program.
const STD_IO: &[&str] = &["env", "fs", "io", "net", "os", "path", "process", "thread"];

pub(super) const NO_STD_IO: Rule =
    Rule::files("a domain crate does no I/O: no environment, files, sockets, processes, threads", |files| {
        let mut found = Vec::new();
        for file in files.iter().filter(|file| file.domain_crate().is_some()) {
            for module in STD_IO {
                let named = format!("std::{module}");
                found.extend(
                    lines_naming(&file.shipped, &named)
                        .map(|line| Finding::new(&file.path, line, format!("names {named}"))),
                );
            }
            for macro_name in ["println!", "eprintln!", "print!", "eprint!"] {
                found.extend(
                    lines_naming(&file.shipped, macro_name)
                        .map(|line| Finding::new(&file.path, line, format!("calls {macro_name}"))),
                );
            }
        }
        found
    });

/// The domain crates that stand on std, and why.
pub(super) const STD_CRATES: &[(&str, &str)] = &[("jwt", "jsonwebtoken is std")];

pub(super) const NO_STD: Rule =
    Rule::files("a domain crate is #![no_std]; jwt is not, because jsonwebtoken is std", |files| {
        files
            .iter()
            .filter(|file| {
                file.domain_crate()
                    .is_some_and(|name| file.path == format!("crates/{name}/src/lib.rs") && super::is_no_std(name))
            })
            .filter(|file| !numbered(&file.code).any(|(_, line)| line.trim() == "#![no_std]"))
            .map(|file| Finding::new(&file.path, 0, "#![no_std] is missing"))
            .collect()
    });

#[cfg(test)]
mod tests {
    use super::super::assert_finds;
    use super::*;

    #[test]
    fn other_clocks_are_caught() {
        assert_finds(
            ONE_CLOCK,
            &[
                ("apps/server/src/system.rs", "SystemTime::now()"),
                ("apps/server/src/routes/a.rs", "\nstd::time::Instant::now()"),
                ("apps/server/tests/a.rs", "Instant::now()"),
                ("apps/bench/src/main.rs", "Instant::now()"),
                (
                    "crates/ledger/src/lib.rs",
                    "// Uuid::new_v4()\n#[cfg(test)]\nmod tests { fn f() { Uuid::new_v4() } }\n\
                     fn g() { Uuid::now_v7() }",
                ),
            ],
            &[("apps/server/src/routes/a.rs", 2), ("crates/ledger/src/lib.rs", 4)],
        );
    }

    #[test]
    fn io_in_the_core_is_caught() {
        assert_finds(
            NO_STD_IO,
            &[
                ("crates/jwt/src/lib.rs", "std::fs::read(a);\nprintln!();\nstd::fmt::Debug"),
                ("crates/jwt/tests/a.rs", "std::env::var(a)"),
                ("apps/server/src/config.rs", "std::env::var(a)"),
            ],
            &[("crates/jwt/src/lib.rs", 1), ("crates/jwt/src/lib.rs", 2)],
        );
    }

    #[test]
    fn a_core_with_std_is_caught() {
        assert_finds(
            NO_STD,
            &[
                ("crates/ledger/src/lib.rs", "//! a\n#![no_std]\nextern crate alloc;"),
                ("crates/flags/src/lib.rs", "// #![no_std]\n#![cfg_attr(not(test), no_std)]"),
                ("crates/flags/src/rule.rs", "fn f() {}"),
                ("crates/jwt/src/lib.rs", ""),
            ],
            &[("crates/flags/src/lib.rs", 0)],
        );
    }
}
