//! Credits: deductions, additions, exact amounts, floors, rates, references, payments.

use serde_json::Value;

use crate::support::{Answer, App, Call, User, World, unique};

/// A server, an app with every scope, a user with a balance, and a token.
fn stage(credits: &str) -> (World, App, User, String) {
    let (world, app) = World::served();
    let user = world.rich_user("ann", credits);
    let token = world.token(&app, &user);
    (world, app, user, token)
}

fn is_uuid(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

#[test]
fn a_deduction_and_an_addition_answer_as_the_document_says() {
    let (world, app, user, token) = stage("100");
    let description = "Generated image #123";
    let answer = world.deduct(
        &app,
        &token,
        &format!(r#""amount":5.0,"description":"{description}","client_reference_id":"image-123""#),
    );
    let body = answer.ok();
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["new_balance", "success", "transaction_id"]);
    assert_eq!(body["success"], true);
    assert!(is_uuid(&body["transaction_id"]), "{body}");
    assert_eq!(answer.number("new_balance"), "95.00");
    assert_eq!(answer.header("content-type").map(|it| it.starts_with("application/json")), Some(true));
    let answer = world.add(&app, &user, r#""amount":25,"transaction_type":"REFUND","description":"sorry""#);
    assert_eq!(answer.ok().as_object().unwrap().len(), 3);
    assert_eq!(answer.number("new_balance"), "120.00");
    let balance = world.read(&app, &token, "/api/credits/balance");
    assert_eq!(balance.ok()["currency_unit"], "credits");
    for (member, amount) in [
        ("balance", "120.00"),
        ("lifetime_earned", "125.00"),
        ("lifetime_spent", "5.00"),
        ("held", "0.00"),
        ("available", "120.00"),
        ("floor", "0.00"),
    ] {
        assert_eq!(balance.number(member), amount, "{member}");
    }
}

#[test]
fn every_transaction_type_raises_what_was_earned() {
    let (world, app, user, token) = stage("0.000001");
    for (count, kind) in (1..).zip(["PURCHASE", "BONUS", "REFUND", "ADJUSTMENT", "EARNED"]) {
        world.add(&app, &user, &format!(r#""amount":10,"transaction_type":"{kind}""#)).ok();
        let balance = world.read(&app, &token, "/api/credits/balance");
        assert_eq!(balance.number("lifetime_earned"), format!("{count}0.000001"));
        assert_eq!(balance.number("lifetime_spent"), "0.00");
    }
    for kind in ["DEDUCTION", "bonus", "Bonus", " BONUS", "", "GIFT"] {
        let answer = world.add(&app, &user, &format!(r#""amount":10,"transaction_type":"{kind}""#));
        assert_eq!(answer.refused(400, "invalid_field")["field"], "transaction_type", "{kind}");
    }
}

#[test]
fn amounts_are_exact_json_tokens() {
    let (world, app, _, token) = stage("1000");
    let mut balance_micros = 1_000_000_000_i64;
    for (amount, micros) in [
        ("1", 1_000_000),
        ("1.0", 1_000_000),
        ("1.10", 1_100_000),
        ("0.1", 100_000),
        ("0.2", 200_000),
        ("1e-05", 10),
        ("1E-6", 1),
        ("0.000001", 1),
        ("0.0000010000000", 1),
        ("1.5e1", 15_000_000),
        ("12.345678e0", 12_345_678),
        ("100e-2", 1_000_000),
        ("\"10.50\"", 10_500_000),
        ("\"7\"", 7_000_000),
        ("\"007.5\"", 7_500_000),
        ("\".5\"", 500_000),
        ("\"5.\"", 5_000_000),
    ] {
        let answer = world.deduct(&app, &token, &format!(r#""amount":{amount},"description":"{}""#, unique("a")));
        answer.ok();
        balance_micros -= micros;
        assert_eq!(answer.number("new_balance"), written(balance_micros), "{amount}");
    }
}

/// With at least two decimals, and no more than there are.
fn written(micros: i64) -> String {
    let mut text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    while text.ends_with('0') && text.split('.').nth(1).is_some_and(|decimals| decimals.len() > 2) {
        text.pop();
    }
    text
}

#[test]
fn amounts_that_do_not_fit_are_refused_and_never_rounded() {
    let (world, app, user, token) = stage("1000");
    for (amount, code) in [
        ("0.30000000000000004", "amount_scale"),
        ("0.0000001", "amount_scale"),
        ("1e-7", "amount_scale"),
        ("1.0000001", "amount_scale"),
        ("\"1.0000001\"", "amount_scale"),
        ("1e-400", "amount_scale"),
        ("1e13", "amount_range"),
        ("1000000000000.000001", "amount_range"),
        ("1e400", "amount_range"),
        ("1e999999999999999999999", "amount_range"),
        ("0", "invalid_field"),
        ("-0", "invalid_field"),
        ("0.00", "invalid_field"),
        ("-1", "invalid_field"),
        ("-1e-7", "invalid_field|amount_scale"),
        ("true", "invalid_field"),
        ("[]", "invalid_field"),
        ("{}", "invalid_field"),
        ("\"\"", "invalid_field"),
        ("\".\"", "invalid_field"),
        ("\"ten\"", "invalid_field"),
        ("\"1e3\"", "invalid_field"),
        ("\"-1\"", "invalid_field"),
        ("\"+1\"", "invalid_field"),
        ("\" 1\"", "invalid_field"),
        ("\"1,5\"", "invalid_field"),
        ("\"1.2.3\"", "invalid_field"),
        ("\"١\"", "invalid_field"),
        ("\"Infinity\"", "invalid_field"),
        ("null", "missing_field|invalid_field"),
        ("NaN", "invalid_json"),
        ("01", "invalid_json"),
        ("+1", "invalid_json"),
        (".5", "invalid_json"),
        ("5.", "invalid_json"),
        ("0x10", "invalid_json"),
    ] {
        let deduct = world.deduct(&app, &token, &format!(r#""amount":{amount},"description":"{}""#, unique("a")));
        let add = world.add(
            &app,
            &user,
            &format!(r#""amount":{amount},"transaction_type":"BONUS","description":"{}""#, unique("a")),
        );
        for answer in [deduct, add] {
            assert!(code.split('|').any(|code| code == answer.code()), "{amount}: {}", answer.text());
            assert_eq!(answer.status, 400, "{amount}");
            if code != "invalid_json" {
                assert_eq!(answer.json()["field"], "amount", "{amount}: {}", answer.text());
            }
        }
    }
    assert_eq!(world.balance(&app, &token), "1000.00");
}

#[test]
fn the_largest_amount_fits_and_no_sum_passes_it() {
    let (world, app, user, token) = stage("1");
    world.add(&app, &user, r#""amount":1e12,"transaction_type":"BONUS""#).refused(400, "balance_limit");
    let answer = world.add(&app, &user, r#""amount":999999999998.999999,"transaction_type":"BONUS""#);
    answer.ok();
    assert_eq!(answer.number("new_balance"), "999999999999.999999");
    let answer = world.add(&app, &user, r#""amount":0.000001,"transaction_type":"BONUS""#);
    assert_eq!(answer.number("new_balance"), "1000000000000.00");
    world.add(&app, &user, r#""amount":0.000001,"transaction_type":"EARNED""#).refused(400, "balance_limit");
    // Spending makes room for the balance, not for what was earned.
    world.deduct(&app, &token, r#""amount":500"#).ok();
    world.add(&app, &user, r#""amount":1,"transaction_type":"EARNED""#).refused(400, "balance_limit");
    assert_eq!(world.balance(&app, &token), "999999999500.00");
}

#[test]
fn each_fault_of_a_body_has_its_code_and_names_its_member() {
    let (world, app, user, token) = stage("100");
    let long = "é".repeat(1001);
    let deductions = [
        (r#""amount":1,"ammount":1"#.to_owned(), "unknown_field", "ammount"),
        (r#""amount":1,"nonce":"x""#.to_owned(), "unknown_field", "nonce"),
        (r#""description":"x""#.to_owned(), "missing_field", "amount"),
        (r#""amount":1,"units":1"#.to_owned(), "invalid_field", "units"),
        (r#""amount":1,"amount":1"#.to_owned(), "invalid_field", "amount"),
        (r#""amount":1,"description":"x","description":"x""#.to_owned(), "invalid_field", "description"),
        (r#""amount":1,"description":5"#.to_owned(), "invalid_field", "description"),
        (r#""amount":1,"description":"a\u0000b""#.to_owned(), "invalid_field", "description"),
        (format!(r#""amount":1,"description":"{long}""#), "invalid_field", "description"),
        (r#""amount":1,"client_reference_id":"""#.to_owned(), "invalid_field", "client_reference_id"),
        (r#""amount":1,"client_reference_id":7"#.to_owned(), "invalid_field", "client_reference_id"),
        (format!(r#""amount":1,"client_reference_id":"{}""#, "r".repeat(256)), "invalid_field", "client_reference_id"),
    ];
    for (members, code, field) in deductions {
        assert_eq!(world.deduct(&app, &token, &members).refused(400, code)["field"], field, "{members}");
    }
    for (members, code, field) in [
        (r#""amount":1"#, "missing_field", "transaction_type"),
        (r#""transaction_type":"BONUS""#, "missing_field", "amount"),
        (r#""amount":1,"transaction_type":null"#, "missing_field", "transaction_type"),
        (r#""amount":1,"transaction_type":"BONUS","units":1"#, "unknown_field", "units"),
        (r#""amount":1,"transaction_type":"PURCHASE","payment_id":"x""#, "invalid_field", "payment_id"),
        (r#""amount":1,"transaction_type":"PURCHASE","payment_id":7"#, "invalid_field", "payment_id"),
    ] {
        assert_eq!(world.add(&app, &user, members).refused(400, code)["field"], field, "{members}");
    }
    let whole = [
        (b"{\"amount\":1}{}".to_vec(), "invalid_json"),
        (b"[]".to_vec(), "invalid_json"),
        (b"5".to_vec(), "invalid_json"),
        (b"null".to_vec(), "invalid_json"),
        (b"\xef\xbb\xbf{\"amount\":1}".to_vec(), "invalid_json"),
        (b"{\"amount\":1,\"description\":\"\xff\"}".to_vec(), "invalid_json"),
        (b"{'amount':1}".to_vec(), "invalid_json"),
        (b"{\"amount\":1,}".to_vec(), "invalid_json"),
        (b"amount=1".to_vec(), "invalid_json"),
        ([vec![b'['; 60_000], vec![b']'; 5]].concat(), "invalid_json"),
        ([b"{\"x\":".to_vec(), vec![b'['; 50_000]].concat(), "invalid_json"),
    ];
    for (body, code) in whole {
        let call = Call::post("/api/action/deduct-credits", body.clone()).bearer(&token).signed(&app);
        let answer = call.send(&world);
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{}", String::from_utf8_lossy(&body));
    }
    // What fits exactly, and null, which is as if left out.
    let fits = format!(
        r#""amount":1,"units":null,"description":"{}","client_reference_id":"{}""#,
        "é".repeat(1000),
        "r".repeat(255)
    );
    world.deduct(&app, &token, &fits).ok();
    world.deduct(&app, &token, r#""amount":1,"description":null,"client_reference_id":null"#).ok();
    assert_eq!(world.balance(&app, &token), "98.00");
}

#[test]
fn a_refused_deduction_says_what_is_missing() {
    // floor, balance, amount → code, shortfall
    for (floor, balance, amount, code, shortfall) in [
        ("0", "10", "25", "insufficient_credits", "15.00"),
        ("0", "10", "10.000001", "insufficient_credits", "0.000001"),
        ("5", "10", "7", "minimum_balance", "2.00"),
        ("5", "10", "25", "insufficient_credits", "20.00"),
        ("-10", "10", "20.01", "minimum_balance", "0.01"),
        ("-10", "10", "100", "minimum_balance", "80.00"),
    ] {
        let (world, app, user, token) = stage(balance);
        world.run(&["user", "set", &user.id, "--min-balance", floor]);
        let answer = world.deduct(&app, &token, &format!(r#""amount":{amount},"client_reference_id":"r""#));
        let body = answer.refused(402, code);
        let sentence = if code == "minimum_balance" { "Minimum balance exceeded" } else { "Insufficient credits" };
        assert_eq!(body["error"], sentence);
        assert_eq!(answer.number("balance"), format!("{balance}.00"));
        assert_eq!(answer.number("required").parse(), amount.parse::<f64>(), "{body}");
        assert_eq!(answer.number("shortfall"), shortfall, "floor {floor}");
        // Nothing is written, and the reference is free.
        assert_eq!(world.balance(&app, &token), format!("{balance}.00"));
        let history = world.read(&app, &token, "/api/credits/transactions").ok();
        assert_eq!(history["transactions"].as_array().unwrap().len(), 1);
        world.credit(&user, "1000");
        let answer = world.deduct(&app, &token, &format!(r#""amount":{amount},"client_reference_id":"r""#));
        answer.ok();
        assert!(!answer.is_replayed());
    }
}

#[test]
fn a_balance_goes_down_to_its_floor_and_no_further() {
    for (floor, reaches) in [("0", "0.00"), ("4", "4.00"), ("-2.5", "-2.50")] {
        let (world, app, user, token) = stage("10");
        world.run(&["user", "set", &user.id, "--min-balance", floor]);
        let all = 10.0 - floor.parse::<f64>().unwrap();
        let answer = world.deduct(&app, &token, &format!(r#""amount":{all}"#));
        answer.ok();
        assert_eq!(answer.number("new_balance"), reaches);
        assert_eq!(world.deduct(&app, &token, r#""amount":0.000001"#).status, 402, "{floor}");
        let balance = world.read(&app, &token, "/api/credits/balance");
        assert_eq!(
            (balance.number("balance"), balance.number("floor").parse().ok()),
            (reaches.to_owned(), floor.parse::<f64>().ok())
        );
    }
}

#[test]
fn units_are_charged_at_the_users_rate_else_the_apps_else_one() {
    let (world, app, user, token) = stage("1000");
    let charge = |units: &str| {
        let answer = world.deduct(&app, &token, &format!(r#""units":{units},"description":"{}""#, unique("u")));
        answer.ok();
        answer.number("new_balance")
    };
    assert_eq!(charge("10"), "990.00");
    world.run(&["app", "set", &app.id, "--default-credit-rate", "0.5"]);
    crate::support::within_a_second("the app's rate", || {
        let context = world.read(&app, &token, "/api/user/context");
        context.number("effective_credit_rate") == "0.50"
    });
    assert_eq!(charge("10"), "985.00");
    world.run(&["user", "permit", &user.id, &app.id, "--credit-rate", "0.001"]);
    assert_eq!(charge("1500"), "983.50");
    assert_eq!(charge("0.001"), "983.499999");
    let answer = world.deduct(&app, &token, r#""units":0.0015"#);
    assert_eq!(answer.refused(400, "amount_scale")["field"], "units");
    let answer = world.deduct(&app, &token, r#""units":1e13"#);
    assert_eq!(answer.refused(400, "amount_range")["field"], "units");
    assert_eq!(world.balance(&app, &token), "983.499999");
}

/// Records a payment; → its id.
fn payment(world: &World, app: &App, user: &User, further: &str) -> String {
    let body = format!(r#"{{"user_id":"{}","amount":9.99,"currency":"EUR",{further}}}"#, user.id);
    let made = world.call(app, "POST", "/api/payments", &body).ok();
    made["payment_id"].as_str().unwrap().to_owned()
}

fn purchase(world: &World, app: &App, user: &User, amount: u32, payment: &str, further: &str) -> Answer {
    let members = format!(r#""amount":{amount},"transaction_type":"PURCHASE","payment_id":"{payment}"{further}"#);
    world.add(app, user, &members)
}

#[test]
fn a_payment_credits_once() {
    let (world, app, user, token) = stage("1");
    let id = payment(&world, &app, &user, r#""status":"succeeded""#);
    let first = purchase(&world, &app, &user, 100, &id, "");
    first.ok();
    // The rest is equal: the first result, whatever the signature. The spelling of a UUID is free.
    let body = format!(
        r#"{{"user_id":"{}","amount":100.00,"transaction_type":"PURCHASE","payment_id":"{}"}}"#,
        user.id,
        id.to_uppercase()
    );
    let again = Call::post("/api/credits/add-credits", body).signed(&app).send(&world);
    assert_eq!((again.status, again.text()), (200, first.text()), "{}", again.text());
    for further in [r#","description":"other""#, r#","client_reference_id":"other""#] {
        let answer = purchase(&world, &app, &user, 100, &id, further);
        assert_eq!(answer.refused(409, "payment_used")["field"], "payment_id", "{further}");
    }
    purchase(&world, &app, &user, 50, &id, "").refused(409, "payment_used");
    assert_eq!(world.balance(&app, &token), "101.00");
    let shown = world.call(&app, "GET", &format!("/api/payments/{id}"), "").ok();
    assert_eq!(shown["status"], "succeeded");
}

#[test]
fn a_payment_that_cannot_pay_is_named() {
    let (world, app, user, token) = stage("1");
    let other = world.user("bob");
    let refused = |answer: Answer, field: &str| {
        assert_eq!(answer.refused(400, "invalid_field")["field"], field, "{}", answer.text());
    };
    let pending = payment(&world, &app, &user, r#""status":"pending""#);
    let failed = payment(&world, &app, &user, r#""status":"failed""#);
    let foreign = payment(&world, &app, &other, r#""status":"succeeded""#);
    for id in [&pending, &failed, &foreign, "9b2b0f0e-0000-4000-8000-000000000000"] {
        refused(purchase(&world, &app, &user, 100, id, ""), "payment_id");
    }
    let exact = payment(&world, &app, &user, r#""status":"succeeded","credits":100"#);
    refused(purchase(&world, &app, &user, 101, &exact, ""), "amount");
    let bonus = format!(r#""amount":100,"transaction_type":"BONUS","payment_id":"{exact}""#);
    refused(world.add(&app, &user, &bonus), "payment_id");
    // No refusal used it up.
    purchase(&world, &app, &user, 100, &exact, "").ok();
    let path = format!("/api/payments/{pending}");
    world.call(&app, "PATCH", &path, r#"{"status":"succeeded"}"#).ok();
    purchase(&world, &app, &user, 7, &pending, "").ok();
    assert_eq!(world.balance(&app, &token), "108.00");
    // PURCHASE needs no payment.
    world.add(&app, &user, r#""amount":2,"transaction_type":"PURCHASE","payment_id":null"#).ok();
}

#[test]
fn who_may_not_is_told_why() {
    let mut world = World::new();
    let (app, bare) = (world.app("app", &["add_credits"]), world.app("bare", &["manage_users"]));
    let user = world.rich_user("ann", "100");
    world.serve();
    let token = world.token(&app, &user);
    world.add(&bare, &user, r#""amount":1,"transaction_type":"BONUS""#).refused(403, "scope_missing");
    world.run(&["user", "permit", &user.id, &app.id, "--scope", "read_profile"]);
    world.deduct(&app, &token, r#""amount":1"#).refused(403, "scope_missing");
    world.run(&["user", "permit", &user.id, &app.id, "--scope", "deduct_credits", "--can-use", "false"]);
    world.deduct(&app, &token, r#""amount":1,"description":"2""#).refused(403, "not_permitted");
    // The context and the wallet stay open.
    world.read(&app, &token, "/api/user/context").ok();
    world.read(&app, &token, "/api/credits/balance").ok();
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "true"]);
    world.deduct(&app, &token, r#""amount":1,"description":"3""#).ok();
    for status in ["disabled", "suspended"] {
        world.run(&["user", "set", &user.id, "--status", status]);
        world.deduct(&app, &token, &format!(r#""amount":1,"description":"{status}""#)).refused(403, "user_inactive");
        let add = format!(r#""amount":1,"transaction_type":"BONUS","description":"{status}""#);
        world.add(&app, &user, &add).refused(403, "user_inactive");
    }
    world.run(&["user", "delete", &user.id]);
    let gone = world.deduct(&app, &token, r#""amount":1,"description":"4""#).refused(404, "user_not_found");
    assert_eq!(gone["error"], "User not found");
    world.add(&app, &user, r#""amount":1,"transaction_type":"BONUS","description":"4""#).refused(404, "user_not_found");
    world.run(&["user", "restore", &user.id]);
    world.run(&["user", "set", &user.id, "--status", "active"]);
    world.deduct(&app, &token, r#""amount":1,"description":"5""#).ok();
    assert_eq!(world.balance(&app, &token), "98.00");
    let refusals = world.run_json(&["audit", "list", "--user", &user.id]).to_string();
    for reason in ["scope_missing", "not_permitted", "user_inactive"] {
        assert!(refusals.contains(reason), "{reason} is not in the audit trail: {refusals}");
    }
}

#[test]
fn credits_are_added_by_uuid_or_by_the_apps_own_id() {
    let mut world = World::new();
    let (app, other) = (world.app("app", &["add_credits"]), world.app("other", &["add_credits"]));
    let user = world.user_with("ann", &["--external-id", "customer 7/é", "--app", &app.id]);
    world.serve();
    let add = |app: &App, id: &str| {
        let body = format!(r#"{{"user_id":{},"amount":1,"transaction_type":"BONUS"}}"#, Value::from(id));
        Call::post("/api/credits/add-credits", body).signed(app).send(&world)
    };
    add(&app, &user.id).ok();
    add(&app, &user.id.to_uppercase()).ok();
    add(&app, "customer 7/é").ok();
    add(&other, "customer 7/é").refused(404, "user_not_found");
    add(&app, "Customer 7/é").refused(404, "user_not_found");
    add(&app, &user.oasis_id.to_string()).refused(404, "user_not_found");
    add(&app, "ann").refused(404, "user_not_found");
    assert_eq!(add(&app, "").refused(400, "invalid_field")["field"], "user_id");
    assert_eq!(world.balance(&app, &world.token(&app, &user)), "3.00");
}
