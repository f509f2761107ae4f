//! What people write scripts for.

use super::Script;
use crate::support::{App, Call, User, World, within_a_second};

fn served() -> World {
    let mut world = World::new();
    world.serve();
    world
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn an_app_and_its_first_user_are_provisioned_from_nothing() {
    let world = served();
    let script = Script::new(&world);
    let made = script.send(
        "POST",
        "/apps",
        r#"{"name":"shop","scopes":["add_credits"],"redirect_uris":["https://a.example/back"]}"#,
    );
    assert_eq!((made.status, made.header("cache-control")), (201, Some("no-store")), "{}", made.text());
    let made = made.json();
    // A repeat finds that the name is taken.
    let taken = script.send("POST", "/apps", r#"{"name":"shop"}"#).refused(409, "reference_conflict");
    assert_eq!(taken["field"], "name");

    let shown = script.get("/apps/shop");
    let tag = shown.header("etag").unwrap().to_owned();
    let shown = shown.ok();
    assert_eq!(shown["app_id"], made["app_id"]);
    assert!(!shown.to_string().contains(&text(&made["secret_key"])), "a secret is told once");
    let settings = r#"{"settings":{"requests_per_second":50,"allow_bypass":true,"default_credit_rate":0.1}}"#;
    let changed = script.call("PATCH", "/apps/shop").body(settings).set("If-Match", &tag).send(&world).ok();
    assert_eq!(
        (&changed["settings"]["requests_per_second"], &changed["settings"]["allow_bypass"]),
        (&50.into(), &true.into())
    );
    assert_eq!(changed["settings"]["default_credit_rate"].to_string().trim_matches('"').trim_end_matches('0'), "0.1");
    script
        .call("PATCH", "/apps/shop")
        .body(settings)
        .set("If-Match", &tag)
        .send(&world)
        .refused(412, "precondition_failed");
    script.call("PATCH", "/apps/shop").body(settings).set("If-Match", "*").send(&world).ok();
    let unknown = script.send("PATCH", "/apps/shop", r#"{"settings":{"nothing":1}}"#).refused(400, "unknown_field");
    assert_eq!(unknown["field"], "nothing");
    script.send("PATCH", "/apps/shop", r#"{"settings":{"requests_per_second":{}}}"#).refused(400, "invalid_field");
    script.send("PATCH", "/apps/nobody", "{}").refused(404, "not_found");

    let user = r#"{"username":"ada","email":"ada@example.com","app":"shop","external_id":"c-1"}"#;
    let user = script.send("POST", "/users", user);
    assert_eq!(user.status, 201, "{}", user.text());
    let user = user.json();
    let taken = script.send("POST", "/users", r#"{"username":"ada"}"#).refused(409, "reference_conflict");
    assert_eq!(taken["field"], "username");
    script.send("POST", "/users", r#"{"username":"x","external_id":"c-2"}"#).refused(400, "missing_field");
    script.send("POST", "/users", r#"{"user":"x"}"#).refused(400, "unknown_field");
    let permit = script.does(
        "PUT",
        "/users/ada/permits/shop",
        r#"{"credit_rate":"2.5","custom":{"plan":"pro"},"scopes":["deduct_credits"]}"#,
    );
    assert_eq!(
        (&permit["external_id"], &permit["credit_rate"], &permit["custom"]["plan"]),
        (&"c-1".into(), &"2.50".into(), &"pro".into())
    );
    assert_eq!(script.does("GET", "/users/ada/permits/shop", ""), permit);
    script.does("POST", "/groups", r#"{"name":"staff"}"#);
    script.send("POST", "/groups", r#"{"name":"staff"}"#).refused(409, "reference_conflict");
    for changed in [true, false] {
        assert_eq!(script.does("PUT", "/groups/staff/members/ada", "")["changed"], changed);
        assert_eq!(script.does("PUT", "/groups/staff/apps/shop", "")["changed"], changed);
    }
    let group = script.does("GET", "/groups/staff", "");
    assert_eq!((&group["members"], &group["more_members"]), (&1.into(), &false.into()));
    assert_eq!(script.does("GET", "/groups", "")["items"][0], group);
    assert_eq!(script.does("GET", "/groups/staff/members", "")["items"][0]["user_id"], user["user_id"]);
    script.does("POST", "/users/ada/credits", r#"{"amount":10,"transaction_type":"BONUS"}"#);

    // What was made works at once, on this server.
    let app = App {
        id: text(&made["app_id"]),
        api_key: text(&made["api_key"]),
        secret_key: text(&made["secret_key"]),
        oasis_app_id: made["oasis_app_id"].as_i64().unwrap(),
        oasis_application_key: text(&made["oasis_application_key"]),
        oasis_api_key: text(&made["oasis_api_key"]),
    };
    let ada = User { id: text(&user["user_id"]), oasis_id: user["oasis_user_id"].as_i64().unwrap() };
    let token = world.token(&app, &ada);
    assert_eq!(world.deduct(&app, &token, r#""units":2"#).ok()["new_balance"], 5.0);
    // Its secret is rotated, the app closed and opened again.
    let rotated = script.send("POST", "/apps/shop/secrets", r#"{"grace_seconds":0}"#);
    assert_eq!(rotated.status, 201);
    assert_eq!(world.deduct(&app, &token, r#""amount":1"#).status, 401);
    let app = App { secret_key: text(&rotated.json()["secret_key"]), ..app };
    world.deduct(&app, &token, r#""amount":1"#).ok();
    for (disabled, status) in [(true, 401), (false, 200)] {
        script.does("PATCH", "/apps/shop", &format!(r#"{{"disabled":{disabled}}}"#));
        assert_eq!(world.deduct(&app, &token, r#""amount":0.5"#).status, status);
    }
    let key = script.does("POST", "/apps/shop/eval-keys", r#"{"name":"web"}"#);
    script.send("POST", "/apps/shop/eval-keys", r#"{"name":"web"}"#).refused(409, "reference_conflict");
    let ask = || Call::post("/ofrep/v1/evaluate/flags", r#"{"context":{}}"#).bearer(key["eval_key"].as_str().unwrap());
    ask().send(&world).ok();
    assert_eq!(script.does("GET", "/apps/shop/eval-keys", "")["items"][0]["name"], "web");
    for changed in [true, false] {
        assert_eq!(script.does("DELETE", "/apps/shop/eval-keys/web", "")["changed"], changed);
    }
    assert_eq!(ask().send(&world).status, 401);
}

#[test]
fn a_charge_is_found_and_refunded_once() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let ada = world.rich_user("ada", "100");
    let token = world.token(&app, &ada);
    for n in 0..3 {
        world
            .deduct(
                &app,
                &token,
                &format!(r#""amount":{n}.25,"client_reference_id":"order-{n}","description":"a, \"{n}\"""#),
            )
            .ok();
    }
    let found = script.does("GET", "/transactions?reference=order-1", "");
    let charge = &found["items"][0];
    assert_eq!((found["items"].as_array().unwrap().len(), &charge["user_id"]), (1, &ada.id.as_str().into()));
    assert_eq!(charge["amount"].to_string(), "-1.25");
    let path = format!("/transactions/{}", charge["transaction_id"].as_str().unwrap());
    assert_eq!(&script.does("GET", &path, ""), charge);
    script.get(&format!("/transactions/{}", ada.id)).refused(404, "not_found");
    script.get("/transactions/x").refused(400, "invalid_field");

    let refund = |amount: &str| {
        let body =
            format!(r#"{{"amount":{amount},"transaction_type":"REFUND","client_reference_id":"refund of order-1"}}"#);
        script.send("POST", "/users/ada/credits", &body)
    };
    let first = refund("1.25").ok();
    assert_eq!(refund("1.25").ok(), first, "the same again refunds nothing more");
    let other = refund("1.5").refused(409, "reference_conflict");
    assert_eq!(other["field"], "amount");
    let wallet = script.get("/users/ada/wallet");
    assert_eq!((wallet.number("balance"), wallet.ok()["transactions"].as_i64()), ("97.50".to_owned(), Some(5)));
    let refunds = script.does("GET", "/transactions?user=ada&type=REFUND", "");
    assert_eq!(refunds["items"].as_array().unwrap().len(), 1);
    let trail = script.does("GET", "/audit?action=credits.added&actor=token%20deploy", "");
    let trail = trail["items"].as_array().unwrap();
    assert_eq!((trail.len(), &trail[0]["actor"]["token"]), (1, &"deploy".into()));

    for (body, field) in [
        (r#"{"amount":0,"transaction_type":"BONUS"}"#, "amount"),
        (r#"{"amount":1,"transaction_type":"DEDUCTION"}"#, "transaction_type"),
        (r#"{"transaction_type":"BONUS"}"#, "amount"),
        (r#"{"amount":1,"transaction_type":"BONUS","x":1}"#, "x"),
    ] {
        let refused = script.send("POST", "/users/ada/credits", body);
        assert_eq!((refused.status, refused.json()["field"].as_str()), (400, Some(field)), "{body}");
    }
    assert_eq!(script.send("PUT", "/users/ada/floor", r#"{"floor":-50}"#).number("floor"), "-50.00");
    assert_eq!(script.get("/users/ada/wallet").number("floor"), "-50.00");

    // The same as a table.
    let table = script.get("/transactions.csv?user=ada");
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"));
    let body = table.text().to_owned();
    let lines: Vec<&str> = body.lines().collect();
    assert_eq!(lines.len(), 6, "{body}");
    assert!(lines[0].starts_with("transaction_id,created_at,user_id,app_id,type,amount,"));
    assert!(lines[1].contains(",REFUND,1.25,97.50,refund of order-1,,"), "{}", lines[1]);
    assert!(lines[2].ends_with(r#",DEDUCTION,-2.25,96.25,order-2,,"a, ""2""""#), "{}", lines[2]);
    let by_header = script.call("GET", "/transactions?user=ada").set("Accept", "text/csv").send(&world);
    assert_eq!(by_header.text(), body);
    script.get("/transactions.csv?user=nobody").refused(404, "user_not_found");
    assert_eq!(script.get("/payments?status=pending").ok()["items"].as_array().map(Vec::len), Some(0));
    let payment =
        format!(r#"{{"user_id":"{}","amount":5,"currency":"EUR","status":"pending","external_id":"p-1"}}"#, ada.id);
    world.call(&app, "POST", "/api/payments", &payment).ok();
    let payments = script.get("/payments?external_id=p-1").ok();
    assert_eq!(
        (&payments["items"][0]["user_id"], &payments["items"][0]["app_id"]),
        (&ada.id.as_str().into(), &app.id.as_str().into())
    );
    assert_eq!(script.get("/payments?user=ada&status=failed").ok()["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_flag_is_rolled_out_to_a_part_and_rolled_back() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let ada = world.user("ada");
    let file = |percent: u32| {
        format!(
            r#"{{"flags":[{{"key":"new_ui","default":false,"rules":[{{"name":"part","rollout":{{"percent":{percent}}},"serve":true}}]}}]}}"#
        )
    };
    let read = script.get("/flag-file");
    assert_eq!(read.header("etag"), Some("\"0\""));
    let preview = script.does("PUT", "/flag-file?dry_run=true", &file(5));
    assert!(preview.to_string().contains("new_ui"), "{preview}");
    assert_eq!(script.get("/flags").ok()["items"].as_array().map(Vec::len), Some(0), "a dry run writes nothing");
    let put = |version: &str, percent| {
        script.call("PUT", "/flag-file").body(file(percent)).set("If-Match", &format!("\"{version}\"")).send(&world)
    };
    assert_eq!(put("0", 5).ok()["version"], 1);
    put("0", 50).refused(412, "precondition_failed");
    assert_eq!(put("1", 5).ok()["version"], serde_json::Value::Null, "everything was so already");
    assert_eq!(put("1", 100).ok()["version"], 2);
    let on = || {
        let body = format!(r#"{{"app":"app","user":"{}"}}"#, ada.id);
        script.does("POST", "/flags/new_ui/explain", &body)
    };
    assert!(on().to_string().contains("true"), "{}", on());
    let diff = script.does("GET", "/flag-diff?from=1&to=2", "");
    assert_eq!((&diff["from"], &diff["to"]), (&1.into(), &2.into()));
    assert!(diff["difference"].to_string().contains("new_ui"), "{diff}");
    let back = script.does("POST", "/flag-rollback", r#"{"to":1}"#);
    assert_eq!((&back["restored"], &back["version"]), (&1.into(), &3.into()));
    let exported = script.does("GET", "/flag-file", "");
    assert!(exported.to_string().contains("\"percent\":5"), "{exported}");
    let versions = script.does("GET", "/flag-versions", "");
    let authors: Vec<&str> =
        versions["items"].as_array().unwrap().iter().map(|it| it["author"].as_str().unwrap()).collect();
    assert_eq!(authors, ["token deploy"; 3]);
    assert_eq!(versions["items"][0]["restored"], 1);
    for changed in [true, false] {
        assert_eq!(script.does("DELETE", "/flags/new_ui", "")["changed"], changed);
    }
    assert_eq!(script.get("/flags?archived=true").ok()["items"][0]["key"], "new_ui");
    script.send("PUT", "/flag-file", r#"{"flags":[{"key":"A B"}]}"#).refused(400, "invalid_field");
    script.send("PUT", "/flag-file?app=nobody", &file(5)).refused(404, "not_found");
    script.send("POST", "/flags/none/explain", r#"{"app":"app","user":"ada"}"#).refused(404, "not_found");
    let of_app = script.does("PUT", &format!("/flag-file?app={}", app.id), &file(7));
    assert_eq!(of_app["version"], 1);
}

#[test]
fn somebody_is_locked_out_deleted_and_brought_back() {
    let (world, app) = World::served();
    let script = Script::new(&world);
    let ada = world.user("ada");
    world.user("bob");
    let token = world.token(&app, &ada);
    let is_good = || world.read(&app, &token, "/api/credits/balance").status == 200;
    assert!(is_good());
    let ended = script.does("DELETE", "/users/ada/sessions", "");
    assert_eq!(ended["sessions_ended"], 0, "a token without a session");
    within_a_second("no token is good", || !is_good());
    assert_eq!(script.get("/users/ada/sessions").ok()["items"].as_array().map(Vec::len), Some(0));
    script.send("DELETE", &format!("/users/ada/sessions/{}", ada.id), "").refused(404, "not_found");
    script.send("DELETE", "/users/ada/sessions/x", "").refused(400, "invalid_field");

    let shown = script.get("/users/ada");
    let tag = shown.header("etag").unwrap().to_owned();
    let change = |body: &str| script.call("PATCH", "/users/ada").body(body).set("If-Match", &tag).send(&world);
    assert_eq!(change(r#"{"status":"disabled","display_name":"Ada L."}"#).ok()["status"], "disabled");
    change(r#"{"status":"active"}"#).refused(412, "precondition_failed");
    let found = |query: &str| -> Vec<String> {
        let found = script.does("GET", &format!("/users?{query}"), "");
        found["items"].as_array().unwrap().iter().map(|user| text(&user["username"])).collect()
    };
    assert_eq!(found("status=disabled"), ["ada"]);
    assert_eq!(found("search=L.&status=disabled"), ["ada"]);
    assert_eq!(found("status=active"), ["bob"]);
    assert_eq!(found("locked=true"), [""; 0]);
    script.get("/users?status=gone").refused(400, "invalid_field");
    script.get("/users?search=").refused(400, "invalid_field");
    script.get("/users?find=a").refused(400, "unknown_field");

    let by_id = format!("/users/{}", ada.id);
    for _ in 0..2 {
        assert_eq!(script.does("DELETE", &by_id, "")["deleted"], true);
    }
    script.get("/users/ada").refused(404, "user_not_found");
    assert_eq!(found("search=ada"), [""; 0]);
    assert_eq!(found("search=ada&deleted=true"), ["ada"]);
    assert_eq!(script.does("POST", "/users/ada/restore", "{}")["deleted"], false);
    assert_eq!(found("search=ada"), ["ada"]);

    let factor = script.does("GET", "/users/ada/second-factor", "");
    assert_eq!((&factor["state"], &factor["recovery_codes_left"]), (&"none".into(), &0.into()));
    assert_eq!(script.does("DELETE", "/users/ada/second-factor", "")["changed"], false);
    assert_eq!(script.does("DELETE", "/users/ada/lock", "")["changed"], false);
    script.send("POST", "/users/ada/recovery-codes", "{}").refused(404, "not_found");
    assert_eq!(script.does("DELETE", "/users/ada/identities/google", "")["items"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_deployment_is_set_up() {
    let world = served();
    let script = Script::new(&world);
    let limit = |body: &str| script.does("PATCH", "/settings", body)["monthly_user_limit"].clone();
    assert_eq!(limit(r#"{"monthly_user_limit":100}"#), 100);
    assert_eq!(limit("{}"), 100, "what is not named stays");
    assert_eq!(limit(r#"{"monthly_user_limit":null}"#), serde_json::Value::Null);
    script.send("PATCH", "/settings", r#"{"monthly_user_limit":-1}"#).refused(400, "invalid_field");
    let rotated = script.send("POST", "/settings/api-key", "{}");
    assert!(rotated.status == 201 && rotated.json()["oasis_api_key"].as_str().unwrap().starts_with("ok_tenant_"));
    let keys = script.does("GET", "/settings/token-keys", "");
    assert_eq!(keys["items"][0]["state"], "active");
    let kid = text(&script.does("POST", "/settings/token-keys", r#"{"algorithm":"EdDSA","lead_seconds":600}"#)["kid"]);
    script.send("POST", "/settings/token-keys", r#"{"algorithm":"none"}"#).refused(400, "invalid_field");
    script.send("POST", "/settings/token-keys", r#"{"lead_seconds":-1}"#).refused(400, "invalid_field");
    script.send("POST", "/settings/token-keys", "{}").refused(409, "reference_conflict");
    for changed in [true, false] {
        assert_eq!(script.does("DELETE", &format!("/settings/token-keys/{kid}"), "")["changed"], changed);
    }
    let provider = r#"{"preset":"github","client_id":"us","client_secret":"hush-hush"}"#;
    for _ in 0..2 {
        let set = script.does("PUT", "/providers/github", provider);
        assert!(set["kind"] == "github" && !set.to_string().contains("hush-hush"), "{set}");
    }
    let providers = script.does("GET", "/providers", "");
    assert_eq!(providers["items"].as_array().map(Vec::len), Some(1));
    for (body, field) in [
        (r#"{"client_id":"us","client_secret":"s"}"#, "issuer"),
        (r#"{"preset":"x","client_id":"us","client_secret":"s"}"#, "preset"),
        (r#"{"issuer":"no url","client_id":"us","client_secret":"s"}"#, "issuer"),
        (r#"{"issuer":"https://a.example","preset":"google","client_id":"us","client_secret":"s"}"#, "preset"),
    ] {
        let refused = script.send("PUT", "/providers/x", body);
        assert_eq!((refused.status, refused.json()["field"].as_str()), (400, Some(field)), "{body}");
    }
    for changed in [true, false] {
        assert_eq!(script.does("DELETE", "/providers/github", "")["changed"], changed);
    }
    // Whoever did it is in the trail, and so is who read the trail.
    let lines = script.get("/audit.ndjson").text().to_owned();
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["action"], "audit.exported");
    let by_script = |action: &str| events.iter().any(|it| it["action"] == action && it["actor"]["token"] == "deploy");
    for action in
        ["tenant.updated", "tenant.api_key_rotated", "key.rotated", "key.dropped", "provider.set", "provider.removed"]
    {
        assert!(by_script(action), "{action}");
    }
    assert_eq!(script.all("/audit", || {}).len(), events.len());
}
