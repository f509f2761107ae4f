//! `OpenFeature`'s Remote Evaluation Protocol: answers, faults, who may ask, what is cached.

mod sdks;
mod stream;

use serde_json::{Value, json};

use crate::support::{Answer, App, Call, World, unique, within_a_second};

const BULK: &str = "/ofrep/v1/evaluate/flags";

fn at(key: &str) -> String {
    format!("{BULK}/{key}")
}

/// One flag of each type, and others for each reason.
fn flags() -> Value {
    json!({"flags": [
        {"key": "plain", "default": true},
        {"key": "text", "type": "string", "variants": {"old": "v1", "new": "v2"}, "default": "old",
         "rules": [{"name": "germans", "when": [{"attribute": "country", "op": "=", "value": "de"}], "serve": "new"}]},
        {"key": "whole", "type": "integer", "variants": {"few": 3, "many": 9_007_199_254_740_991_i64}, "default": "few"},
        {"key": "real", "type": "float", "variants": {"one": 1.0, "half": 0.5}, "default": "one"},
        {"key": "object", "type": "object", "variants": {"a": {"color": "red", "sizes": [1, 2.5]}}, "default": "a"},
        {"key": "rich", "rules": [{"when": [{"attribute": "credit_balance", "op": ">=", "value": 10}], "serve": true}]},
        {"key": "admins", "rules": [{"when": [{"attribute": "role", "op": "=", "value": "admin"}], "serve": true}]},
        {"key": "split", "rules": [{"rollout": {"percent": 100}, "serve": true}]},
        {"key": "by_company", "rules": [{"rollout": {"percent": 100, "unit": "company"}, "serve": true}]},
        {"key": "switched_off", "enabled": false, "default": true},
        {"key": "inactive", "active": false, "default": true}
    ]})
}

/// A served world with those flags and an evaluation key of the app.
fn world() -> (World, App, String) {
    let mut world = World::new();
    let app = world.app_of_every_scope();
    apply(&world, &flags());
    let key = world.run_json(&["app", "eval-key", &app.id])["eval_key"].as_str().unwrap().to_owned();
    world.serve();
    (world, app, key)
}

fn apply(world: &World, file: &Value) {
    std::fs::write(world.folder().join("flags.json"), file.to_string()).unwrap();
    world.run(&["flag", "apply", "flags.json"]);
}

fn about(context: &Value) -> String {
    json!({"context": context}).to_string()
}

fn ask(world: &World, key: &str, path: &str, context: &Value) -> Answer {
    Call::post(path, about(context)).bearer(key).send(world)
}

#[track_caller]
fn fails(answer: &Answer, status: u16, code: &str, details: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["errorCode"]), (status, &json!(code)), "{body}");
    assert!(body["errorDetails"].as_str().unwrap().contains(details), "{body}");
}

#[test]
fn values_variants_and_reasons_are_the_protocols() {
    let (world, app, key) = world();
    let context = json!({"targetingKey": "somebody", "country": "de", "company": "acme"});
    let expected = json!([
        {"key": "admins", "value": false, "variant": "off", "reason": "DEFAULT"},
        {"key": "by_company", "value": true, "variant": "on", "reason": "SPLIT"},
        {"key": "object", "value": {"color": "red", "sizes": [1, 2.5]}, "variant": "a", "reason": "STATIC"},
        {"key": "plain", "value": true, "variant": "on", "reason": "STATIC"},
        {"key": "real", "value": 1.0, "variant": "one", "reason": "STATIC"},
        {"key": "rich", "value": false, "variant": "off", "reason": "DEFAULT"},
        {"key": "split", "value": true, "variant": "on", "reason": "SPLIT"},
        {"key": "switched_off", "value": false, "variant": "off", "reason": "DISABLED"},
        {"key": "text", "value": "v2", "variant": "new", "reason": "TARGETING_MATCH"},
        {"key": "whole", "value": 3, "variant": "few", "reason": "STATIC"},
    ]);
    let body = about(&context);
    let ways = |path: &str| {
        let call = Call::post(path, body.clone());
        [call.clone().bearer(&key), call.clone().set("X-API-Key", &key), call.signed(&app)]
    };
    for call in ways(BULK) {
        let answer = call.send(&world);
        assert_eq!(answer.ok()["flags"], expected);
        assert!(answer.text().contains(r#""value":1.0,"#), "a float keeps its point: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    for flag in expected.as_array().unwrap() {
        for call in ways(&at(flag["key"].as_str().unwrap())) {
            assert_eq!(call.send(&world).ok(), *flag);
        }
    }
    assert!(ask(&world, &key, &at("real"), &context).text().contains(r#""value":1.0,"#));
    let counted = |reason: &str| {
        world.metric::<u64>(&format!(r#"osaycore_flag_evaluations_total{{surface="ofrep",reason="{reason}"}}"#))
    };
    // Each flag three times in bulk and three times alone; `real` once more.
    assert_eq!((counted("STATIC"), counted("DEFAULT"), counted("SPLIT")), (Some(4 * 6 + 1), Some(2 * 6), Some(2 * 6)));
    assert_eq!((counted("DISABLED"), counted("TARGETING_MATCH")), (Some(6), Some(6)));
}

#[test]
fn every_fault_has_its_code_and_says_what_is_wrong() {
    let (world, _, key) = world();
    let send = |path: &str, body: &str| Call::post(path, body).bearer(&key).send(&world);
    for (body, code, details) in [
        ("", "PARSE_ERROR", "body"),
        ("{", "PARSE_ERROR", "JSON"),
        ("[]", "PARSE_ERROR", "object"),
        ("{}", "INVALID_CONTEXT", "context"),
        (r#"{"context": null}"#, "INVALID_CONTEXT", "context"),
        (r#"{"context": []}"#, "INVALID_CONTEXT", "context"),
        (r#"{"context": {}, "context": {}}"#, "INVALID_CONTEXT", "context"),
        (r#"{"context": {"targetingKey": 7}}"#, "INVALID_CONTEXT", "targetingKey"),
        (r#"{"context": {"plan": "a", "plan": "b"}}"#, "INVALID_CONTEXT", "plan"),
        (r#"{"context": {"plan": "\u0000"}}"#, "INVALID_CONTEXT", "plan"),
    ] {
        for path in [BULK, &at("plain")] {
            fails(&send(path, body), 400, code, details);
        }
        assert_eq!(send(&at("plain"), body).json()["key"], "plain", "{body}");
    }
    let fine = about(&json!({"targetingKey": "u"}));
    for key in ["unknown", "inactive", "%00", "a%22b"] {
        fails(&send(&at(key), &fine), 404, "FLAG_NOT_FOUND", "no active flag");
    }
    assert_eq!(send(&at("a%22b"), &fine).json()["key"], "a\"b");
    world.run(&["flag", "archive", "plain"]);
    within_a_second("an archived flag", || send(&at("plain"), &fine).status == 404);
    assert!(!send(BULK, &fine).text().contains("inactive") && !send(BULK, &fine).text().contains("plain"));
    // Members that a later version of the protocol adds do no harm.
    assert_eq!(send(BULK, r#"{"context": {}, "filter": ["a"]}"#).status, 200);

    let deep = format!(r#"{{"context": {{"a": {}{}}}}}"#, "[".repeat(200), "]".repeat(200));
    fails(&send(BULK, &deep), 400, "PARSE_ERROR", "deeper");
    let large = about(&json!({"a": "x".repeat(70_000)}));
    fails(&send(BULK, &large), 413, "GENERAL", "too large");
    fails(&Call::post(BULK, fine).set("Content-Type", "text/plain").bearer(&key).send(&world), 415, "GENERAL", "json");
    let answer = Call::get(BULK).bearer(&key).send(&world);
    fails(&answer, 405, "GENERAL", "Method");
    assert_eq!(answer.header("allow"), Some("POST"));
    fails(&Call::get("/ofrep/v2/nothing").send(&world), 404, "GENERAL", "Not found");
}

#[test]
fn a_targeting_key_is_a_uuid_an_external_id_or_anyones() {
    let (world, app, key) = world();
    let user = world.user_with("ann", &["--role", "admin", "--external-id", "ann-1", "--app", &app.id]);
    world.credit(&user, "10");
    let on = |flag: &str, context: &Value| ask(&world, &key, &at(flag), context).ok()["value"] == true;
    for (targeting_key, known) in [
        (user.id.as_str(), true),
        (&user.id.to_uppercase(), true),
        ("ann-1", true),
        ("ann", false),
        ("00000000-0000-0000-0000-000000000001", false),
        (&"x".repeat(5_000), false),
    ] {
        let context = json!({"targetingKey": targeting_key});
        assert_eq!((on("rich", &context), on("admins", &context)), (known, known), "{targeting_key}");
        assert!(on("split", &context), "{targeting_key}");
    }
    // What is stored wins over what is said; of others, what is said is all there is.
    let poor = json!({"targetingKey": user.id, "credit_balance": 0, "role": "basic"});
    assert!(on("rich", &poor) && on("admins", &poor));
    let stranger = json!({"targetingKey": "x", "credit_balance": 10, "role": "admin"});
    assert!(on("rich", &stranger) && on("admins", &stranger));
    // Buckets are the user's, by whatever id, and those of the user context.
    let half = json!({"key": "half", "rules": [{"rollout": {"percent": 50}, "serve": true}]});
    apply(&world, &json!({"flags": [half]}));
    within_a_second("a flag", || ask(&world, &key, &at("half"), &poor).status == 200);
    let features = world.read(&app, &world.token(&app, &user), "/api/user/context").ok()["enabled_features"].clone();
    for id in [user.id.as_str(), "ann-1"] {
        assert_eq!(on("half", &json!({"targetingKey": id})), features["half"] == true);
    }
    // A disabled user is one still; a deleted one is a stranger.
    world.run(&["user", "disable", &user.id]);
    let context = json!({"targetingKey": user.id});
    assert!(on("rich", &context));
    world.run(&["user", "delete", &user.id]);
    assert!(!on("rich", &context) && !on("admins", &json!({"targetingKey": "ann-1"})));
    // Another app knows nobody by this app's ids.
    let other = world.app("other", &[]);
    let other_key = world.run_json(&["app", "eval-key", &other.id])["eval_key"].as_str().unwrap().to_owned();
    within_a_second("a key", || ask(&world, &other_key, &at("admins"), &context).status == 200);
}

#[test]
fn a_missing_key_matters_only_where_it_is_needed() {
    let (world, _, key) = world();
    for context in [json!({}), json!({"targetingKey": null, "company": "acme"}), json!({"targetingKey": ""})] {
        let one = |flag: &str| ask(&world, &key, &at(flag), &context);
        fails(&one("split"), 400, "TARGETING_KEY_MISSING", "targetingKey");
        let errors = r#"osaycore_flag_evaluations_total{surface="ofrep",reason="ERROR"}"#;
        assert!(world.metric::<u64>(errors) > Some(0), "it is counted");
        assert_eq!(one("split").json()["key"], "split");
        for flag in ["plain", "text", "rich", "switched_off", "by_company"] {
            assert_eq!(one(flag).status, 200, "{flag} {context}");
        }
        // The others are served.
        let all = ask(&world, &key, BULK, &context).ok()["flags"].clone();
        let failed: Vec<&Value> = all.as_array().unwrap().iter().filter(|flag| !flag["errorCode"].is_null()).collect();
        assert_eq!(failed.len(), 1, "{all}");
        assert_eq!((&failed[0]["key"], &failed[0]["errorCode"]), (&json!("split"), &json!("TARGETING_KEY_MISSING")));
        assert!(failed[0]["errorDetails"].as_str().unwrap().contains("targetingKey"), "{all}");
        assert_eq!(all.as_array().unwrap().len(), 10);
    }
    let by_company = |context: Value| ask(&world, &key, &at("by_company"), &context).ok()["value"].clone();
    assert_eq!((by_company(json!({"company": "acme"})), by_company(json!({}))), (json!(true), json!(false)));
}

#[test]
fn what_a_sticky_rule_served_is_served_again_by_whatever_way_it_is_asked_for() {
    let (world, app, key) = world();
    let user = world.user_with("ann", &["--external-id", "ann-1", "--app", &app.id]);
    let sticky = |percent: u32| {
        json!({"flags": [{"key": "sticky", "rules": [
            {"name": "r", "sticky": true, "rollout": {"percent": percent}, "serve": true}]}]})
    };
    apply(&world, &sticky(100));
    let one = |id: &str| ask(&world, &key, &at("sticky"), &json!({"targetingKey": id}));
    let all = |context: &Value| {
        let flags = ask(&world, &key, BULK, context).ok()["flags"].clone();
        flags.as_array().unwrap().iter().find(|flag| flag["key"] == "sticky").unwrap()["value"].clone()
    };
    within_a_second("a flag", || one("visitor").status == 200);
    assert_eq!((&one("visitor").ok()["value"], all(&json!({"targetingKey": "ann-1"}))), (&json!(true), json!(true)));
    apply(&world, &sticky(0));
    within_a_second("another value", || one(&unique("late")).ok()["value"] == false);
    for id in ["visitor", "ann-1", &user.id] {
        assert_eq!((&one(id).ok()["value"], all(&json!({"targetingKey": id}))), (&json!(true), json!(true)), "{id}");
    }
    let token = world.token(&app, &user);
    assert_eq!(world.read(&app, &token, "/api/user/context").ok()["enabled_features"]["sticky"], true);
    assert_eq!(all(&json!({})), Value::Null, "who has no id is hashed by none and remembered by none");
}

#[test]
fn what_a_flag_was_decided_by_is_kept_with_it() {
    let (world, _, key) = world();
    let apply = |percent: u32| {
        let sticky = json!([{"name": "r", "sticky": true, "rollout": {"percent": percent}, "serve": true}]);
        let on = |flag: &str| json!([{"flag": flag, "value": true}]);
        apply(
            &world,
            &json!({"flags": [
                {"key": "first", "rules": sticky},
                {"key": "second", "prerequisites": on("first"), "default": true},
                {"key": "third", "prerequisites": on("second"), "default": true},
                {"key": "step", "type": "integer", "variants": {"n": percent}, "default": "n"},
            ]}),
        );
        within_a_second("the flags", || {
            ask(&world, &key, &at("step"), &json!({"targetingKey": "u"})).json()["value"] == percent
        });
    };
    let value = |flag: &str, id: &str| ask(&world, &key, &at(flag), &json!({"targetingKey": id})).ok()["value"].clone();
    apply(100);
    assert_eq!(value("third", "seen"), true);
    apply(0);
    for flag in ["third", "second", "first"] {
        assert_eq!((value(flag, "seen"), value(flag, "late")), (json!(true), json!(false)), "{flag}");
    }
}

#[test]
fn an_explanation_finds_whom_an_evaluation_finds() {
    let (world, app, key) = world();
    world.user_with("ann", &["--role", "admin", "--external-id", "ann-1", "--app", &app.id]);
    apply(&world, &json!({"flags": [{"key": "half", "rules": [{"rollout": {"percent": 50}, "serve": true}]}]}));
    within_a_second("a flag", || ask(&world, &key, &at("half"), &json!({"targetingKey": "ann-1"})).status == 200);
    for flag in ["admins", "half"] {
        for id in ["ann-1", "nobody"] {
            let told = ask(&world, &key, &at(flag), &json!({"targetingKey": id, "role": "basic"})).ok();
            let context = r#"{"role": "basic"}"#;
            let explained = world.run_json(&["flag", "explain", flag, id, "--app", &app.id, "--context", context]);
            assert_eq!(told["value"], explained["value"], "{flag} {id}: {explained}");
        }
    }
}

#[test]
fn an_answer_is_the_same_for_as_long_as_flags_context_and_user_are() {
    let (world, app, key) = world();
    let user = world.rich_user("ann", "9");
    let ask = |context: &str, tag: Option<&str>| {
        let call = Call::post(BULK, format!(r#"{{"context": {context}}}"#)).bearer(&key);
        tag.map_or(call.clone(), |tag| call.set("If-None-Match", tag)).send(&world)
    };
    let context = format!(r#"{{"targetingKey": "{}", "a": 1, "b": [1]}}"#, user.id);
    let first = ask(&context, None);
    first.ok();
    let tag = first.header("etag").unwrap();
    for (same, sent) in [
        (context.clone(), tag.to_owned()),
        (format!(r#"{{"b":[1],"a":1,"targetingKey":"{}"}}"#, user.id), tag.to_owned()),
        (context.clone(), format!("W/{tag}")),
        (context.clone(), format!("\"x\", {tag}")),
    ] {
        let answer = ask(&same, Some(&sent));
        assert_eq!((answer.status, answer.text(), answer.header("etag")), (304, "", Some(tag)), "{same}");
    }
    let mut tags = vec![tag.to_owned()];
    let mut renewed = |what: &str, context: &str, answer: Answer| {
        assert_eq!(answer.status, 200, "{what}");
        let new = answer.header("etag").unwrap().to_owned();
        assert!(!tags.contains(&new), "{what}: {tags:?}");
        assert_eq!(ask(context, Some(&new)).status, 304, "{what}");
        tags.push(new);
    };
    // Members that no flag asks for count as well.
    let other = context.replace("[1]", "[2]");
    renewed("another context", &other, ask(&other, Some(tag)));
    world.credit(&user, "1");
    renewed("another balance", &context, ask(&context, Some(tag)));
    apply(&world, &json!({"flags": [{"key": "one_more", "active": false}]}));
    let version = || ask(&context, None).json()["metadata"]["version"].clone();
    within_a_second("a flag that nobody sees", || version() != first.json()["metadata"]["version"]);
    renewed("another set that answers alike", &context, ask(&context, Some(tag)));
    // Who signs has another stream, hence another answer.
    let signed = Call::post(BULK, format!(r#"{{"context": {context}}}"#)).set("If-None-Match", tag).signed(&app);
    assert_eq!(signed.send(&world).status, 200);
}

#[test]
fn an_evaluation_key_evaluates_and_does_nothing_else() {
    let (world, app, key) = world();
    let user = world.user("zacharias");
    let body = format!(r#"{{"user_id":"{}"}}"#, user.id);
    for (method, path) in [
        ("POST", "/api/auth/generate-user-jwt"),
        ("POST", "/api/action/deduct-credits"),
        ("POST", "/api/credits/add-credits"),
        ("POST", "/api/users"),
        ("GET", "/api/user/context"),
        ("GET", "/api/credits/balance"),
        ("POST", "/api/auth/revoke"),
    ] {
        let call = Call::new(method, path);
        let call = if method == "GET" { call } else { call.body(body.clone()) };
        let call = call.bearer(&key).set("X-API-Key", &key);
        call.send(&world).refused(401, "missing_auth_headers");
        call.signed(&App { api_key: key.clone(), secret_key: key.clone(), ..app.clone() })
            .send(&world)
            .refused(401, "invalid_api_key");
    }
    // What is stored decides, and is not shown.
    let answer = ask(&world, &key, BULK, &json!({"targetingKey": user.id}));
    for private in ["zacharias", "balance", "because", "rule", "sentence", "needs"] {
        assert!(!answer.text().contains(private), "{private}: {}", answer.text());
    }
}

#[test]
fn who_may_not_ask_is_401_whatever_is_wrong() {
    let (world, app, key) = world();
    let call = Call::post(BULK, about(&json!({})));
    for call in [
        call.clone(),
        call.clone().bearer("ek_live_nonsense"),
        call.clone().set("X-API-Key", &app.api_key),
        call.clone().bearer(&key).set("X-API-Key", "another"),
        call.clone().bearer(&key).also("Authorization", "Bearer another"),
        call.clone().set("Authorization", &format!("Basic {key}")),
        call.clone().signed_at(&app, "1000000000"),
        // A signature goes before a key, also a wrong one.
        call.clone().signed(&App { secret_key: "wrong".to_owned(), ..app.clone() }).bearer(&key),
    ] {
        let answer = call.send(&world);
        fails(&answer, 401, "GENERAL", "API");
    }
    assert_eq!(call.clone().set("Authorization", &format!("bearer {key}")).send(&world).status, 200);
    assert_eq!(call.clone().bearer(&key).set("X-API-Key", &key).send(&world).status, 200);
    world.run(&["app", "disable", &app.id]);
    within_a_second("a disabled app", || call.clone().bearer(&key).send(&world).status == 401);
    fails(&call.clone().signed(&app).send(&world), 401, "GENERAL", "API");
    world.run(&["app", "enable", &app.id]);
    within_a_second("an enabled app", || call.clone().bearer(&key).send(&world).status == 200);
}

#[test]
fn keys_are_made_listed_and_removed_and_each_is_by_itself() {
    let (mut world, app, first) = world();
    let made = world.run_json(&["app", "eval-key", &app.id, "--name", "web"]);
    let second = made["eval_key"].as_str().unwrap().to_owned();
    assert!(second.starts_with("ek_live_") && second.len() == 72 && second != first, "{second}");
    let works = |world: &World, key: &str| ask(world, key, BULK, &json!({})).status;
    within_a_second("a new key", || works(&world, &second) == 200);
    let listed = world.run_json(&["app", "eval-keys", &app.id]);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(names, [format!("key {}", listed[0]["id"]).as_str(), "web"]);
    assert!(!listed.to_string().contains("ek_live_"), "{listed}");
    let taken = world.cli(&["app", "eval-key", &app.id, "--name", "web"]);
    assert_eq!(taken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("web"));
    assert_eq!(world.cli(&["app", "remove-eval-key", &app.id, "nothing"]).status.code(), Some(1));
    let other = world.app("other", &[]);
    assert_eq!(world.cli(&["app", "remove-eval-key", &other.id, "web"]).status.code(), Some(1), "another app's");
    world.run(&["app", "remove-eval-key", &app.id, &listed[0]["id"].to_string()]);
    within_a_second("a removed key", || works(&world, &first) == 401);
    assert_eq!(works(&world, &second), 200);
    world.crash();
    assert_eq!((works(&world, &first), works(&world, &second)), (401, 200));
    world.run(&["app", "remove-eval-key", &app.id, "web"]);
    within_a_second("a removed key", || works(&world, &second) == 401);
    let actions = |action: &str| world.run_json(&["audit", "list", "--action", action]).as_array().unwrap().len();
    assert_eq!((actions("app.eval_key_created"), actions("app.eval_key_removed")), (2, 2));
}

#[test]
fn browsers_may_ask_from_any_page_there_and_nowhere_else() {
    let (world, app, key) = world();
    let preflight = |path: &str| {
        Call::new("OPTIONS", path)
            .set("Origin", "https://shop.example")
            .set("Access-Control-Request-Method", "POST")
            .set("Access-Control-Request-Headers", "authorization,content-type,if-none-match")
            .send(&world)
    };
    for (path, method) in [(BULK, "POST"), (&at("plain"), "POST"), ("/ofrep/v1/changes", "GET")] {
        let answer = preflight(path);
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-methods"), Some(method));
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization, x-api-key, content-type, if-none-match"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let call = Call::post(BULK, about(&json!({}))).set("Origin", "https://shop.example");
    let fine = call.clone().bearer(&key).send(&world);
    let same = call.clone().bearer(&key).set("If-None-Match", fine.header("etag").unwrap()).send(&world);
    for (answer, status) in [(fine, 200), (same, 304), (call.send(&world), 401)] {
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some("*")));
        assert_eq!(answer.header("access-control-expose-headers"), Some("ETag, Retry-After"));
    }
    for answer in
        [preflight("/api/user/context"), world.call(&app, "GET", "/api/user/context", ""), preflight("/healthz")]
    {
        assert!(answer.status >= 400, "{}", answer.status);
        assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{:?}", answer.headers);
    }
}

#[test]
fn the_apps_rate_limit_counts_keys_and_signatures_together() {
    let (world, app, key) = world();
    world.run(&["app", "set", &app.id, "--requests-per-second", "1"]);
    let call = Call::post(BULK, about(&json!({})));
    let mut limited = None;
    within_a_second("the limit", || {
        let answer = call.clone().bearer(&key).send(&world);
        limited = (answer.status == 429).then_some(answer);
        limited.is_some()
    });
    let answer = limited.unwrap();
    fails(&answer, 429, "GENERAL", "Too many");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(call.signed(&app).send(&world).status, 429);
}

#[test]
fn a_signed_evaluation_repeats_and_asks_the_writer_for_nothing() {
    let (world, app, _) = world();
    world.run(&["app", "set", &app.id, "--replay-protection", "strict"]);
    let user = world.user("ann");
    let commits = || world.metric::<u64>("osaycore_group_commit_seconds_count");
    let before = commits();
    let call = Call::post(BULK, about(&json!({"targetingKey": user.id}))).signed(&app);
    for path in [BULK, BULK, &at("plain"), &at("plain"), &at("unknown"), &at("unknown")] {
        let status = if path.ends_with("unknown") { 404 } else { 200 };
        assert_eq!(call.clone().to("POST", path).send(&world).status, status, "{path}");
    }
    assert_eq!(commits(), before);
    // What is signed for elsewhere opens nothing there once it came here.
    let token = world.token(&app, &user);
    let astray = Call::post(BULK, r#"{"amount":1,"client_reference_id":"a"}"#).signed(&app);
    fails(&astray.send(&world), 400, "INVALID_CONTEXT", "context");
    astray.to("POST", "/api/action/deduct-credits").bearer(&token).send(&world).refused(401, "signature_reused");
}
