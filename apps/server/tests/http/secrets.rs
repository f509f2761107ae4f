//! Secrets are sealed where they are kept, and are not said where they are not asked for.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::authenticator::Authenticator;
use crate::support::mail::Sink;
use crate::support::oasis::{LOGIN, Library, NewUser, REGISTRATION};
use crate::support::{App, Call, World, now_s, on_postgres, patiently};

/// The one file that holds the master key.
const KEY_FILE: &str = "osaycore.db.key";

/// Every file of the folder, and what is in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
    found
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// A secret as text, and the bytes it stands for: what follows its prefix may be hexadecimal.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let tail = secret.rsplit('_').next().unwrap();
    forms.extend(hex::decode(tail).ok().filter(|bytes| bytes.len() >= 16));
    forms
}

#[test]
fn no_secret_is_in_a_file_a_log_the_trail_or_an_error() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    let mut world = World::new();
    world.variable("OSAYCORE_LOG", "debug");
    let app = world.app("app", &["add_credits", "manage_users", "read_audit"]);
    let user = world.rich_user("ann", "100");
    let rotated = world.run_json(&["app", "rotate-secret", &app.id, "--grace-seconds", "3600"]);
    let eval_key = world.run_json(&["app", "eval-key", &app.id])["eval_key"].as_str().unwrap().to_owned();
    let rotated = App { secret_key: rotated["secret_key"].as_str().unwrap().to_owned(), ..app.clone() };
    world.serve();
    let (token, revoked) = (world.token(&app, &user), world.token(&rotated, &user));
    let mut said = Vec::new();
    world.deduct(&app, &token, r#""amount":1"#).ok();
    Call::post("/api/auth/revoke", "{}").bearer(&revoked).signed(&app).send(&world).ok();
    // Errors of every kind, each with a secret where it does not belong.
    for answer in [
        world.deduct(&app, &token, r#""amount":1000"#),
        world.deduct(&app, &revoked, r#""amount":2"#),
        world.deduct(&app, &format!("{token}x"), r#""amount":3"#),
        world.deduct(&rotated, &token, r#""amount":"x""#),
        Call::get("/api/user/context").signed(&app).send(&world),
        Call::get(&format!("/api/{}", "x")).bearer(&token).signed(&app).send(&world),
        Call::get("/api/user/context").bearer(&token).signed(&app).set("X-OSAYCORE-SIGNATURE", "00").send(&world),
        Call::get("/api/user/context")
            .bearer(&token)
            .signed(&app)
            .set("X-OSAYCORE-API-KEY", &app.secret_key)
            .send(&world),
        Call::new("PUT", "/api/user/context").bearer(&token).signed(&app).send(&world),
        Call::post("/ofrep/v1/evaluate/flags", "{}").bearer(&eval_key).send(&world),
        Call::post("/ofrep/v1/evaluate/flags", "{}").bearer(&eval_key).set("X-API-Key", &app.secret_key).send(&world),
        Call::get(&format!("/ofrep/v1/changes?channel={eval_key}")).send(&world),
    ] {
        assert!(answer.status >= 400);
        said.push((format!("an error body: {}", answer.code()), answer.body));
    }
    let master = std::fs::read_to_string(world.folder().join(KEY_FILE)).unwrap();
    let master = master.lines().next().unwrap().trim().to_owned();
    assert_eq!(master.len(), 64);
    let secrets = [
        ("secret_key", app.secret_key.clone()),
        ("rotated secret_key", rotated.secret_key.clone()),
        ("token", token.clone()),
        ("revoked token", revoked.clone()),
        ("signature of a token", token.rsplit('.').next().unwrap().to_owned()),
        ("oasis_application_key", app.oasis_application_key.clone()),
        ("oasis_api_key", app.oasis_api_key.clone()),
        ("eval_key", eval_key.clone()),
        ("master key", master),
    ];
    for command in [
        vec!["audit", "list", "--json"],
        vec!["audit", "list"],
        vec!["app", "list", "--json"],
        vec!["app", "show", &app.id, "--json"],
        vec!["app", "eval-keys", &app.id, "--json"],
        vec!["user", "list", "--json"],
        vec!["key", "list", "--json"],
        vec!["config"],
    ] {
        said.push((format!("osaycore {}", command.join(" ")), world.run(&command).into_bytes()));
    }
    assert!(!said.iter().any(|(_, bytes)| bytes.is_empty()));
    // With the write-ahead log as it is while serving, after a kill, and after a stop.
    said.extend(files(world.folder()));
    world.kill();
    said.extend(files(world.folder()));
    world.serve();
    world.stop();
    said.extend(files(world.folder()));
    said.push(("the log".to_owned(), world.log().into_bytes()));
    assert!(said.iter().any(|(name, _)| name.ends_with("-wal")), "a write-ahead log was looked at");
    assert!(
        said.iter().any(|(_, bytes)| holds(bytes, b"insufficient_credits")),
        "the log and the trail were looked at"
    );
    for (place, bytes) in said.iter().filter(|(place, _)| place != KEY_FILE) {
        for (secret, text) in &secrets {
            let found = forms(text).iter().any(|form| holds(bytes, form));
            assert!(!found, "{secret} is in {place}");
        }
    }
}

#[test]
fn no_seed_link_or_recovery_code_is_in_a_file_a_log_the_trail_or_a_backup() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    let mut sink = Sink::start();
    let mut world = World::new();
    world.variable("OSAYCORE_LOG", "debug");
    world.variable("OSAYCORE_SMTP_URL", &format!("smtp://127.0.0.1:{}", sink.port()));
    let library = Library::of(&world.app("app", &[]));
    world.serve();
    let mut secrets = Vec::new();
    let mut seed = |base32: &str| {
        secrets.push(("a seed in base32", base32.as_bytes().to_vec()));
        secrets.push(("a seed", base32_bytes(base32)));
        secrets.push(("a seed in hexadecimal", hex::encode(base32_bytes(base32)).into_bytes()));
    };
    let ann = library.register_user(&NewUser { username: "ann", ..NewUser::default() });
    let image = library.send(&world, &ann).ok()["QRData"].as_str().unwrap().to_owned();
    let phone = Authenticator::scan(&STANDARD.decode(&image).unwrap());
    seed(&phone.secret);
    let code = phone.code_at(now_s());
    library.send(&world, &library.verify_user_otp("ann", &code, REGISTRATION)).ok();
    let mailed =
        NewUser { username: "eve", email: Some("eve@example.com"), send_enrollment_email: true, ..NewUser::default() };
    library.send(&world, &library.register_user(&mailed)).ok();
    let link = sink.receive().link().to_owned();
    let page = Call::get(link.split_at(link.find("/enroll/").unwrap()).1).send(&world);
    let key = page.text().split_once("?secret=").unwrap().1.split_once('&').unwrap().0.to_owned();
    seed(&key);
    // A mail that stays in the outbox, as nobody takes it.
    drop(sink);
    library.send(&world, &library.register_user(&NewUser { username: "joe", ..mailed })).ok();
    secrets.push(("a link", link.rsplit('/').next().unwrap().as_bytes().to_vec()));
    secrets.push(("an image", image.into_bytes()));
    let told = world.run_json(&["otp", "recovery-codes", "\\ann"]);
    for code in told["recovery_codes"].as_array().unwrap() {
        let code = code.as_str().unwrap();
        secrets.push(("a recovery code", code.as_bytes().to_vec()));
        secrets.push(("a recovery code without its hyphen", code.replace('-', "").into_bytes()));
    }
    let recovery = told["recovery_codes"][0].as_str().unwrap().to_owned();
    let used = library.send(&world, &library.verify_user_otp("ann", &recovery, LOGIN));
    assert_eq!(used.ok()["State"], 8);
    assert!(patiently(Duration::from_secs(20), || world.log().contains("a mail was not sent")), "{}", world.log());

    let mut said = vec![
        ("the trail".to_owned(), world.run(&["audit", "list", "--json"]).into_bytes()),
        ("user show".to_owned(), world.run(&["user", "show", "\\ann", "--json"]).into_bytes()),
    ];
    world.run(&["backup", "backup.db"]);
    said.extend(files(world.folder()));
    world.kill();
    said.extend(files(world.folder()));
    said.push(("the log".to_owned(), world.log().into_bytes()));
    for name in ["osaycore.db-wal", "backup.db"] {
        assert!(said.iter().any(|(place, bytes)| place == name && holds(bytes, b"eve@example.com")), "{name}");
    }
    for (place, bytes) in &said {
        for (secret, text) in &secrets {
            assert!(!holds(bytes, text), "{secret} is in {place}");
        }
    }
}

/// RFC 4648 §6.
fn base32_bytes(text: &str) -> Vec<u8> {
    let bits = text.chars().flat_map(|letter| {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap();
        (0..5).rev().map(move |bit| (value >> bit) & 1 == 1)
    });
    let bits: Vec<bool> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | u8::from(*bit))).collect()
}

#[test]
#[cfg(unix)]
fn the_key_file_and_the_database_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    let (world, _) = World::served();
    let mode = |name: &str| std::fs::metadata(world.folder().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(KEY_FILE), 0o600);
}

#[test]
fn another_master_key_opens_nothing() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL: it looks into the SQLite file");
    }
    let (mut world, app) = World::served();
    world.stop();
    let key = world.folder().join(KEY_FILE);
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, format!("{}\n", "7".repeat(64))).unwrap();
    let refused = world.cli(&["app", "rotate-secret", &app.id]);
    let mut serving = world.command();
    serving.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serving = serving.spawn().unwrap();
    if !patiently(Duration::from_secs(20), || serving.try_wait().unwrap().is_some()) {
        serving.kill().unwrap();
    }
    let served = serving.wait_with_output().unwrap();
    for (what, output) in [("app rotate-secret", refused), ("serve", served)] {
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{what} seals or opens under a wrong key: {stderr}");
        assert!(stderr.contains("key"), "it says what is wrong: {stderr}");
        assert!(!stderr.contains("listening"), "{stderr}");
    }
    // Nothing was sealed under the wrong one meanwhile.
    std::fs::write(&key, right).unwrap();
    world.serve();
    world.call(&app, "POST", "/api/users", r#"{"username":"ann"}"#).ok();
}
