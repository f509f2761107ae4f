//! Tokens between us and other libraries: they verify ours, and what is wrong with theirs is refused here.

use std::path::Path;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::{Value, json};

use crate::support::programs::{output, program, python};
use crate::support::{Call, World, on_postgres, within_a_second};
use crate::tokens::part;

const CONTEXT: &str = "/api/user/context";

/// A token key's secret: opened as decision 9 says that it is sealed.
fn secret(world: &World, kid: &str) -> Vec<u8> {
    let read = "import sqlite3, sys; \
        print(sqlite3.connect(sys.argv[1]).execute('SELECT hex(secret) FROM jwt_keys WHERE kid = ?', sys.argv[2:]).fetchone()[0])";
    let mut query = python("sqlite3");
    query.args(["-c", read]).arg(world.database()).arg(kid);
    let sealed = hex::decode(output(query)).unwrap();
    let master = std::fs::read_to_string(world.folder().join("osaycore.db.key")).unwrap();
    let cipher = XChaCha20Poly1305::new_from_slice(&hex::decode(master.trim()).unwrap()).unwrap();
    let (nonce, ciphertext) = sealed[4..].split_first_chunk::<24>().unwrap();
    let place = format!("jwt_keys\n{kid}\nsecret");
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: place.as_bytes() }).unwrap()
}

/// They have our key, so that each forgery is wrong in one thing only: without its check it would be accepted.
#[test]
fn other_libraries_verify_our_tokens_and_their_forgeries_are_refused() {
    if on_postgres() {
        return eprintln!("not run on PostgreSQL too: it is about the tokens, and looks into the SQLite file");
    }
    let (world, app) = World::served();
    let user = world.user("ann");
    let url = format!("{}/.well-known/jwks.json", world.base_url());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for algorithm in ["HS256", "EdDSA", "RS256"] {
        let rotated = world.run_json(&["key", "rotate", "jwt", "--algorithm", algorithm, "--lead-seconds", "0"]);
        let kid = rotated["kid"].as_str().unwrap();
        within_a_second("the new key", || part(&world.token(&app, &user), 0)["kid"] == kid);
        let token = world.token(&app, &user);
        let jwks = Call::get("/.well-known/jwks.json").send(&world).ok()["keys"].clone();
        let published = jwks.as_array().unwrap().iter().any(|key| key["kid"] == kid);
        assert_eq!(published, algorithm != "HS256", "a shared secret is nobody's to see");
        let key = hex::encode(secret(&world, kid));
        let (mut pyjwt, mut jose) = (python("jwt"), program("node"));
        pyjwt.arg(folder.join("http/clients/verify.py")).env("NO_PROXY", "*");
        jose.arg(folder.join("browser/verify.mjs"));
        for mut command in [pyjwt, jose] {
            command.args([&url, &token, algorithm, &key]);
            let library = command.get_program().to_string_lossy().into_owned();
            let told: Value = serde_json::from_str(&output(command)).unwrap();
            assert_eq!(told["sub"], user.id.as_str(), "{told}");
            let read = |token: &Value| world.read(&app, token.as_str().unwrap(), CONTEXT);
            let (good, forged) = (told["good"].as_object().unwrap(), told["forged"].as_object().unwrap());
            assert!(good.len() >= 2 && forged.len() >= 10, "{told}");
            for (what, token) in good {
                let answer = read(token);
                assert_eq!(answer.code(), "ok", "{algorithm}, {library}, {what}: {}", answer.text());
            }
            for (what, token) in forged {
                let answer = read(token);
                let refused = (answer.status, answer.code());
                assert_eq!(refused, (401, "token_invalid".to_owned()), "{algorithm}, {library}, {what}");
            }
            assert_eq!(
                read(&told["expired"]).refused(401, "token_expired")["error"],
                json!("Authentication token expired")
            );
        }
    }
}

/// A key that leaked: whoever has it can make tokens, until it is dropped.
#[test]
fn tokens_of_a_dropped_key_are_refused_within_a_second() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let old = world.token(&app, &user);
    let leaked = part(&old, 0)["kid"].as_str().unwrap().to_owned();
    world.run(&["key", "rotate", "jwt", "--lead-seconds", "0"]);
    within_a_second("the new key", || part(&world.token(&app, &user), 0)["kid"] != leaked.as_str());
    world.read(&app, &old, CONTEXT).ok();
    world.run(&["key", "drop", &leaked]);
    within_a_second("the dropped key", || world.read(&app, &old, CONTEXT).code() == "token_invalid");
    world.read(&app, &world.token(&app, &user), CONTEXT).ok();
}
