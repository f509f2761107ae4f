//! The pages under `docs/` say what the program does: every route and error, every command and setting stands there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn text(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The quoted strings of a piece of Rust that has no escapes in them.
fn quoted(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').skip(1).step_by(2)
}

/// (status, code, sentence) of the table in `error.rs`.
fn errors_of_the_code() -> BTreeSet<(String, String, String)> {
    let code = text("apps/server/src/error.rs");
    let table = code.split_once("TABLE: &[").unwrap().1.split_once("= &[").unwrap().1.split_once("];").unwrap().0;
    let row = |row: &str| {
        let mut strings = quoted(row);
        let (name, sentence) = (strings.next()?, strings.next()?);
        let status = row.split(',').map(str::trim).find(|part| part.parse::<u16>().is_ok())?;
        Some((status.to_owned(), name.to_owned(), sentence.to_owned()))
    };
    table.split("Code::").skip(1).map(|text| row(text).unwrap_or_else(|| panic!("a row of TABLE: {text}"))).collect()
}

/// (status, code, sentence) of the tables of `page`.
fn errors_of_the_page(page: &str) -> BTreeSet<(String, String, String)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (status, code, sentence) = (cells.next()?, cells.next()?, cells.next()?);
        status.parse::<u16>().ok()?;
        Some((status.to_owned(), code.trim_matches('`').to_owned(), sentence.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn the_error_table_is_the_codes() {
    let (code, page) = (errors_of_the_code(), errors_of_the_page(&text("docs/api.md")));
    assert!(code.len() > 30, "the table was not found: {code:?}");
    let missing: Vec<_> = code.difference(&page).collect();
    let wrong: Vec<_> = page.difference(&code).collect();
    assert!(missing.is_empty() && wrong.is_empty(), "docs/api.md lacks {missing:#?} and has {wrong:#?}");
}

/// The Rust of `routes/`, folders included.
fn code_of_routes() -> Vec<String> {
    let mut code = vec![];
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/routes")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                code.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    code
}

/// `METHOD path` of everything that `routes/` registers: `resource("/path", "GET, POST")`.
fn routes() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for code in code_of_routes() {
        for (at, _) in code.match_indices("resource(") {
            let mut strings = quoted(code.split_at(at).1.split_once(')').unwrap().0);
            let Some(path) = strings.next().filter(|path| path.starts_with('/')) else { continue };
            let outside =
                ["/healthz", "/readyz", "/metrics", "/enroll/", "/assets/", "/.well-known/", "/ofrep/", "/docs"];
            let prefix = if outside.iter().any(|begin| path.starts_with(begin)) { "" } else { "/api" };
            let methods = strings.next().unwrap_or_else(|| panic!("{path} has no methods"));
            found.extend(methods.split(", ").map(|method| format!("{method} {prefix}{path}")));
        }
    }
    found
}

#[test]
fn every_route_is_described() {
    let (routes, page) = (routes(), text("docs/api.md") + &text("docs/admin-api.md"));
    assert!(routes.len() > 15, "the routes were not found: {routes:?}");
    let described: BTreeSet<String> = page
        .split('`')
        .filter(|span| {
            span.split_once(' ').is_some_and(|(_, path)| path.starts_with('/') && !path.contains(['?', ' ']))
        })
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = routes.difference(&described).collect();
    let gone: Vec<_> = described.difference(&routes).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "docs/api.md and docs/admin-api.md lack {missing:?} and have {gone:?}"
    );
}

/// `METHOD path` of everything that `docs/openapi.json` describes, which is tested to be what the program makes.
fn described_operations() -> BTreeSet<String> {
    let document: serde_json::Value = serde_json::from_str(&text("docs/openapi.json")).unwrap();
    let paths = document.get("paths").unwrap().as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[test]
fn the_description_has_every_route_and_no_other() {
    let (routes, described) = (routes(), described_operations());
    let of_browsers = |operation: &&String| operation.starts_with("OPTIONS ");
    let missing: Vec<_> = routes.difference(&described).collect();
    // The questions of browsers are no operations of ours; each is of a route that is one.
    let gone: Vec<_> = described.difference(&routes).filter(|operation| !of_browsers(operation)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "docs/openapi.json lacks {missing:?} and has {gone:?}");
    let asked = described.iter().filter(of_browsers).count();
    assert_eq!(asked, 3, "of the protocol's three paths");
}

/// What `osaycore … --help` prints.
fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_osaycore")).args(words).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?} --help: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The names of the subcommands in a help text.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // A description that goes on in the next line is indented further.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// The flags of a help text, where a line begins with one; without those of every command.
fn flags(help: &str) -> BTreeSet<String> {
    let of_every_command = ["--help", "--version"];
    help.lines()
        .filter_map(|line| line.trim_start().trim_start_matches("-h, ").trim_start_matches("-V, ").split(' ').next())
        .filter(|word| word.starts_with("--") && !of_every_command.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Whether the page names the flag, and not only a longer one.
fn names(page: &str, flag: &str) -> bool {
    page.match_indices(flag).any(|(at, _)| {
        let after = page.split_at(at).1.strip_prefix(flag).unwrap_or_default();
        !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-')
    })
}

#[test]
fn every_command_has_an_example_and_every_flag_of_it_is_named() {
    let (root, page) = (help(&[]), text("docs/cli.md"));
    let everywhere = flags(&root);
    let mut lines = vec![];
    let mut todo: Vec<Vec<String>> = subcommands(&root).into_iter().map(|name| vec![name]).collect();
    while let Some(words) = todo.pop() {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = help(&words);
        let nested = subcommands(&said);
        if nested.is_empty() {
            let command = format!("osaycore {}", words.join(" "));
            let shown = page
                .lines()
                .any(|line| line.strip_prefix(&command).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')));
            if !shown {
                lines.push(format!("an example of `{command}`"));
            }
            let own = flags(&said);
            lines.extend(
                own.difference(&everywhere).filter(|flag| !names(&page, flag)).map(|flag| format!("{command} {flag}")),
            );
        }
        todo.extend(nested.into_iter().map(|name| words.iter().map(|word| (*word).to_owned()).chain([name]).collect()));
    }
    assert!(lines.is_empty(), "docs/cli.md lacks {lines:#?}");
}

/// The lines of the shell examples of a page, and how each ends: `sh`, or `sh exits 1` where the page says why.
fn shell_lines(page: &str) -> impl Iterator<Item = (&str, i32)> {
    let blocks = page.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    let examples = blocks.filter_map(|(kind, lines)| match kind {
        "sh" => Some((lines, 0)),
        "sh exits 1" => Some((lines, 1)),
        _ => None,
    });
    examples.flat_map(|(lines, exit)| lines.lines().map(move |line| (line, exit)))
}

#[cfg(unix)]
#[test]
fn the_examples_of_the_command_line_work_one_after_the_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("flags.yaml"),
        "flags:\n- key: new_ui\n  default: true\n- key: beta\nsegments:\n- key: eu\n  users: [ada]\n",
    )
    .unwrap();
    let unleash =
        r#"{"version": 2, "features": [{"name": "old_one", "enabled": true, "strategies": [{"name": "default"}]}]}"#;
    std::fs::write(folder.path().join("unleash.json"), unleash).unwrap();
    std::fs::write(folder.path().join("client.secret"), "of-the-console\n").unwrap();
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_osaycore")).parent().unwrap().display().to_string();
    let page = text("docs/cli.md");
    let serves = |line: &str| ["osaycore serve", "osaycore quickstart"].iter().any(|begin| line.starts_with(begin));
    let mut run = 0;
    for (line, exit) in shell_lines(&page).filter(|(line, _)| !serves(line)) {
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(exit), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        run += 1;
    }
    assert!(run > 30, "the examples were not found: {run}");
}

#[test]
fn every_setting_is_described() {
    let (root, page) = (help(&[]), text("docs/operations.md"));
    let flags = flags(&root);
    assert!(flags.len() > 10, "the settings were not found: {flags:?}");
    let of_commands = ["--tenant", "--json"];
    let missing: Vec<_> =
        flags.iter().filter(|flag| !of_commands.contains(&flag.as_str()) && !names(&page, flag)).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
    let variables = root
        .split("[env:")
        .skip(1)
        .filter_map(|rest| rest.split_once(']'))
        .map(|(variable, _)| variable.trim().split('=').next().unwrap().to_owned());
    let missing: Vec<_> = variables.filter(|variable| !page.contains(&format!("`{variable}`"))).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
}

#[test]
fn every_setting_of_an_app_is_described() {
    let page = text("docs/operations.md");
    let said = help(&["app", "set"]);
    let names: Vec<String> = flags(&said)
        .difference(&flags(&help(&[])))
        .map(|flag| flag.trim_start_matches('-').replace('-', "_"))
        .collect();
    assert!(names.len() > 10, "the settings were not found: {names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
}

#[test]
fn every_metric_is_described() {
    let (code, page) = (text("apps/server/src/metrics.rs"), text("docs/operations.md"));
    let calls = ["all.add(", "all.add_seconds(", "all.0.register("].map(|call| code.split(call).skip(1));
    let names: Vec<&str> = calls.into_iter().flatten().filter_map(|call| quoted(call).next()).collect();
    assert!(names.len() > 20, "the metrics were not found: {names:?}");
    let rows = |name: &&&str| page.lines().any(|line| line.starts_with(&format!("| `osaycore_{name}")));
    let missing: Vec<_> = names.iter().filter(|name| !rows(name)).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks {missing:?}");
}

/// The files under `deploy/`: name and text.
fn deployment_files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    // A folder is the operator's: the secrets.
    let names = names.filter(|entry| entry.file_type().unwrap().is_file());
    names
        .map(|entry| format!("deploy/{}", entry.file_name().into_string().unwrap()))
        .map(|name| (name.clone(), text(&name)))
        .collect()
}

/// The variables that the program reads: those that stand alone in quotes, and the twins of what `text` reads.
fn variables() -> BTreeSet<String> {
    let code = text("apps/server/src/config.rs") + &text("apps/server/src/logging.rs");
    let names = |code: &str| -> BTreeSet<String> {
        let quotes = code.split("\"OSAYCORE_").skip(1).filter_map(|rest| rest.split_once('"'));
        quotes.filter(|(name, _)| !name.contains(' ')).map(|(name, _)| format!("OSAYCORE_{name}")).collect()
    };
    let calls: Vec<&str> = code.split(" text(").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let twins = calls.iter().flat_map(|call| names(call)).map(|name| format!("{name}_FILE"));
    names(&code).into_iter().chain(twins).collect()
}

/// The words `OSAYCORE_…` of a text.
fn variables_in(text: &str) -> impl Iterator<Item = &str> {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(move |c| !of_a_name(c)).filter(|word| word.starts_with("OSAYCORE_"))
}

/// What is wrong with `osaycore …`, flags and their values before the command included.
fn fault_of_a_command(line: &str) -> Option<String> {
    let mut words: Vec<&str> = vec![];
    let mut said = help(&[]);
    let mut rest = line.split_whitespace().skip(1);
    while let Some(word) = rest.next() {
        if word.starts_with("--") {
            if !flags(&said).contains(word) {
                return Some(format!("{line}: there is no {word}"));
            }
            // All others of these lines take a value.
            if word != "--json" {
                rest.next();
            }
        } else if subcommands(&said).iter().any(|name| name == word) {
            words.push(word);
            said = help(&words);
        } else {
            break;
        }
    }
    (words.is_empty() || !subcommands(&said).is_empty()).then(|| format!("{line}: that is no command"))
}

/// The numbers that directly follow `before`.
fn numbers_after<'t>(text: &'t str, before: &'t str) -> impl Iterator<Item = u64> + 't {
    text.match_indices(before).map(move |(at, _)| {
        let digits = text.split_at(at + before.len()).1.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse().unwrap_or_else(|_| panic!("no number after {before:?}"))
    })
}

#[test]
fn deployment_files_name_what_there_is() {
    let files = deployment_files();
    let file = |name: &str| &files.iter().find(|(path, _)| path.strip_prefix("deploy/") == Some(name)).unwrap().1;
    let (operations, postgresql) = (text("docs/operations.md"), text("docs/postgresql.md"));

    let known = variables();
    assert!(known.contains("OSAYCORE_LOG") && known.contains("OSAYCORE_DATABASE_URL_FILE"), "{known:?}");
    let texts = files.iter().map(|(_, text)| text).chain([&postgresql]);
    let named: BTreeSet<&str> = texts.flat_map(|text| variables_in(text)).collect();
    assert!(named.len() > 3, "the variables were not found: {named:?}");
    let unknown: Vec<_> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(unknown.is_empty(), "there are no {unknown:?}");

    let mut commands: Vec<String> = vec![];
    commands
        .extend(file("osaycore.service").lines().filter_map(|line| line.strip_prefix("ExecStart=")).map(str::to_owned));
    for (name, before) in [("Dockerfile", "CMD ["), ("compose.yaml", "    command: [")] {
        let words = file(name).lines().filter_map(|line| line.strip_prefix(before)?.strip_suffix(']'));
        commands.extend(words.map(|words| format!("osaycore {}", quoted(words).collect::<Vec<_>>().join(" "))));
    }
    assert_eq!(commands.len(), 4, "the commands were not found: {commands:?}");
    for line in operations.lines().chain(postgresql.lines()) {
        let begin = ["osaycore ", "sudo -u osaycore osaycore "].iter().find(|begin| line.starts_with(**begin));
        commands.extend(begin.map(|begin| format!("osaycore {}", line.strip_prefix(begin).unwrap())));
    }
    assert!(commands.len() > 8, "the commands were not found: {commands:?}");
    let faults: Vec<_> = commands.iter().filter_map(|line| fault_of_a_command(line)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    for wrong in ["osaycore server", "osaycore user", "osaycore --databaseurl x serve", "osaycore"] {
        assert!(fault_of_a_command(wrong).is_some(), "{wrong}");
    }

    let routes = routes();
    for (name, path) in [("Dockerfile", "/healthz"), ("haproxy.cfg", "/readyz"), ("haproxy.cfg", "/metrics")] {
        assert!(file(name).contains(path) && routes.contains(&format!("GET {path}")), "{name}: {path}");
    }

    let drain = numbers_after(&text("apps/server/src/server.rs"), "const SHUTDOWN_S: u64 = ").next().unwrap();
    let mut patience: Vec<u64> = vec![];
    patience.extend(numbers_after(file("osaycore.service"), "TimeoutStopSec="));
    patience.extend(numbers_after(file("compose.yaml"), "stop_grace_period: "));
    patience.extend(numbers_after(&operations, "--stop-timeout "));
    assert!(patience.len() > 3 && patience.iter().all(|seconds| *seconds > drain), "{patience:?} against {drain}");

    let rust = text("Cargo.toml").split_once("rust-version = \"").unwrap().1.split('"').next().unwrap().to_owned();
    assert!(file("Dockerfile").contains(&format!("FROM rust:{rust}.")), "the Dockerfile builds with Rust {rust}");
}

/// The names in the last column of the tables of "Invariants".
fn holders(page: &str) -> BTreeSet<String> {
    let section = page.split_once("## Invariants").unwrap().1.split_once("\n## ").unwrap().0;
    let cells = section.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit_once(" | "));
    cells.flat_map(|(_, cell)| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_test_that_holds_an_invariant_is_there() {
    let page = text("docs/architecture.md");
    let rules = text("apps/xtask/src/rules/mod.rs");
    let mut code = String::new();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("apps"), root.join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let names = holders(&page);
    assert!(names.len() > 40, "the invariants were not found: {names:?}");
    let gone: Vec<_> = names
        .iter()
        .filter(|name| !code.contains(&format!("fn {name}(")) && !rules.contains(&format!("\"{name}\"")))
        .collect();
    assert!(gone.is_empty(), "docs/architecture.md names {gone:?}");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("CHANGELOG.md")];
    let mut folders = vec![root.join("docs"), root.join("examples")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("md") => pages.push(path),
                None if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    assert!(pages.len() > 10, "the pages were not found");
    let mut broken = vec![];
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let outside = target.contains("://") || file.is_empty();
            if !outside && !page.parent().unwrap().join(file).exists() {
                broken.push(format!("{}: {target}", page.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
