//! New databases, configuration, usage.

use std::process::Stdio;

use crate::support::{Deployment, members};

#[test]
fn six_processes_at_once_make_one_database_with_one_key() {
    let deployment = Deployment::new();
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = deployment.command(&["migrate", "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut ran = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        ran += i32::from(answer["steps"] != 0);
    }
    assert_eq!(ran, 1);
    // The key in the file is the one that the tenant's secret was sealed under.
    deployment.app("Shop");
    assert_eq!(deployment.json(&["key", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(deployment.json(&["tenant", "list"])[0]["name"], "default");
}

#[test]
fn a_new_database_that_may_be_in_the_wrong_folder_is_told_of() {
    let deployment = Deployment::new();
    let first = deployment.run(&["app", "list", "--json"]);
    let told = "made a new database at osaycore.db (name another with --database-url or OSAYCORE_DATABASE_URL)\n";
    assert_eq!((first.code, first.out.as_str(), first.err.as_str()), (0, "[]\n", told));
    assert_eq!(deployment.run(&["app", "list"]).err, "", "it is there now");
    assert_eq!(deployment.run(&["migrate", "--database-url", "sqlite://other.db"]).err, "", "it was asked for");
}

#[test]
fn a_listening_address_without_a_port_is_told_before_anything_is_made() {
    let deployment = Deployment::new();
    for (listen, example) in [("8092", "8092"), (":8092", "8092"), ("localhost", "8080"), ("127.0.0.1:x", "8080")] {
        for verb in ["serve", "quickstart"] {
            let error = deployment.refused(&[verb, "--listen", listen], 1);
            let sentence = format!("error: --listen {listen:?}: use ADDRESS:PORT, as in 127.0.0.1:{example}\n");
            assert_eq!(error, sentence);
        }
    }
    assert!(std::fs::read_dir(deployment.path("")).unwrap().next().is_none());
}

#[cfg(unix)]
#[test]
fn database_and_key_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let deployment = Deployment::new();
    deployment.text(&["migrate"]);
    for name in ["osaycore.db", "osaycore.db.key"] {
        let mode = std::fs::metadata(deployment.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_lost_key_file_is_never_replaced_by_a_new_key() {
    let deployment = Deployment::new();
    deployment.app("Shop");
    std::fs::rename(deployment.path("osaycore.db.key"), deployment.path("elsewhere.key")).unwrap();
    let error = deployment.refused(&["app", "list"], 1);
    assert!(error.contains("osaycore.db.key is missing") && error.contains("--master-key-file"), "{error}");
    assert!(!deployment.path("osaycore.db.key").exists());
    deployment.text(&["app", "list", "--master-key-file", "elsewhere.key"]);
}

#[test]
fn wrong_usage_is_2_and_a_wrong_state_is_1() {
    let deployment = Deployment::new();
    deployment.text(&["migrate"]);
    for arguments in [
        &["frobnicate"][..],
        &["app", "create"],
        &["app", "create", "--name", "a:b"],
        &["app", "create", "--name", "x", "--scope", "fly"],
        &["app", "set", "1001"],
        &["app", "set", "1001", "--unknown-setting", "1"],
        &["user", "create", "--username", "123"],
        &["user", "create", "--username", "x", "--external-id", "y"],
        &["user", "set", "alice"],
        &["user", "set", "alice", "--status", "asleep"],
        &["credits", "add", "alice", "0", "--type", "BONUS"],
        &["credits", "add", "alice", "0.0000001", "--type", "BONUS"],
        &["credits", "add", "alice", "1", "--type", "bonus"],
        &["audit", "list", "--action", "user.eaten"],
        &["audit", "list", "--from", "yesterday"],
        &["flag", "archive", "No Key"],
        &["user", "permit", "alice", "1001", "--scope", "a", "--scope", "none"],
    ] {
        deployment.refused(arguments, 2);
    }
    // No command at all: the help, on standard error.
    let nothing = deployment.run(&[]);
    assert!(nothing.code == 2 && nothing.err.contains("quickstart"), "{}", nothing.err);
    for (arguments, sentence) in [
        (&["app", "show", "1001"][..], "no app 1001"),
        (&["user", "show", "alice"], "no user alice"),
        (&["group", "add", "staff", "alice"], "no group staff"),
        (&["flag", "archive", "x"], "no flag x"),
        (&["flag", "apply", "none.json"], "none.json"),
        (&["app", "list", "--tenant", "nobody"], "no tenant nobody"),
        (&["restore", "none.db"], "none.db"),
        (&["app", "list", "--database-url", "mysql://x"], "sqlite://"),
        (&["app", "list", "--config", "none.toml"], "none.toml"),
    ] {
        let error = deployment.refused(arguments, 1);
        assert!(error.contains(sentence), "{arguments:?}: {error}");
    }
}

#[test]
fn the_configuration_is_shown_with_secrets_masked() {
    let deployment = Deployment::new();
    deployment.write("own.toml", "listen = \"0.0.0.0:9\"\nsmtp_url = \"smtp://me:hidden@mail\"\n");
    let text = deployment.text(&["config", "--config", "own.toml", "--public-url", "https://x.example/"]);
    assert!(text.contains("listen = \"0.0.0.0:9\"") && text.contains("https://x.example\""), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    let json = deployment.json(&["config", "--config", "own.toml"]);
    assert_eq!(json["listen"], "0.0.0.0:9");
    assert!(!deployment.path("osaycore.db").exists(), "looking at the configuration makes nothing");
}

#[test]
fn a_password_in_an_unusable_url_is_not_told() {
    let deployment = Deployment::new();
    for (url, told) in [
        ("mysql://me:hidden@host/db", "mysql://"),
        ("postgres:/me:hidden@host/db", "sqlite://FILE"),
        ("me:hidden@host/db?next=x://y", "sqlite://FILE"),
        ("hidden", "sqlite://FILE"),
    ] {
        let error = deployment.refused(&["config", "--database-url", url], 1);
        assert!(error.contains(told) && error.contains("postgres://…") && !error.contains("hidden"), "{url}: {error}");
    }
    deployment.write("own.toml", "smtp_url = \"smtp://me:hidden@mail\nlisten = \"x\"\n");
    let error = deployment.refused(&["config", "--config", "own.toml"], 1);
    assert!(error.contains("own.toml, line 1") && !error.contains("hidden"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_no_fault() {
    let deployment = Deployment::new();
    deployment.text(&["migrate"]);
    for arguments in
        [&["completions", "bash"][..], &["completions", "zsh"], &["config"], &["tenant", "list", "--json"], &["help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = deployment.command(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*error), (Some(0), ""), "{arguments:?}");
    }
    // Nor does it change how a refusal ends.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let refused = deployment.command(&["app", "show", "1001"]).stderr(writer).status().unwrap();
    assert_eq!(refused.code(), Some(1));
}

#[test]
fn variables_of_clients_are_not_the_servers() {
    let deployment = Deployment::new();
    let mut command = deployment.command(&["config", "--json"]);
    command.env("OSAYCORE_API_KEY", "k").env("OSAYCORE_SECRET_KEY", "s").env("OSAYCORE_BASE_URL", "http://c");
    command.env("OSAYCORE_LISTEN", "127.0.0.1:7");
    let output = command.output().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(config["listen"], "127.0.0.1:7");
    let settings = [
        "address_requests_per_second",
        "database_url",
        "listen",
        "master_key_file",
        "signature_window_seconds",
        "trusted_proxies",
    ];
    assert_eq!(members(&config), settings);
}

#[test]
fn completions_and_help_need_no_database() {
    let deployment = Deployment::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(deployment.text(&["completions", shell]).contains("osaycore"), "{shell}");
    }
    assert!(deployment.text(&["help"]).contains("quickstart"));
    assert!(std::fs::read_dir(deployment.path("")).unwrap().next().is_none());
}
