//! The order of checks (contract, "Errors"): of two faults in one request, the earlier one is answered.

use std::collections::HashMap;

use crate::support::{App, Call, User, World, now_s, patiently, sign, unique};
use std::time::Duration;

/// In the contract's order; each is one thing wrong with a deduction that would otherwise succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Route,
    Method,
    Size,
    Headers,
    Key,
    Timestamp,
    Signature,
    Reuse,
    Token,
    ContentType,
    Json,
    Members,
    User,
    Permission,
    Reference,
    Balance,
}

use Fault::{
    Balance, ContentType, Headers, Json, Key, Members, Method, Permission, Reference, Reuse, Route, Signature, Size,
    Timestamp, Token, User as UserGone,
};

const ORDER: [(Fault, u16, &str); 16] = [
    (Route, 404, "not_found"),
    (Method, 405, "method_not_allowed"),
    (Size, 413, "body_too_large"),
    (Headers, 401, "missing_auth_headers"),
    (Key, 401, "invalid_api_key"),
    (Timestamp, 401, "timestamp_out_of_window"),
    (Signature, 401, "invalid_signature"),
    (Reuse, 401, "signature_reused"),
    (Token, 401, "missing_token"),
    (ContentType, 415, "unsupported_media_type"),
    (Json, 400, "invalid_json"),
    (Members, 400, "unknown_field"),
    (UserGone, 404, "user_not_found"),
    (Permission, 403, "not_permitted"),
    (Reference, 409, "reference_conflict"),
    (Balance, 402, "insufficient_credits"),
];

/// The app, and a token for each of the user's faults together.
struct Stage {
    world: World,
    app: App,
    tokens: HashMap<(bool, bool, bool), String>,
}

impl Stage {
    fn new() -> Self {
        let (world, app) = World::served();
        let mut tokens = HashMap::new();
        for gone in [false, true] {
            for denied in [false, true] {
                for poor in [false, true] {
                    let user = world.user(&unique("user"));
                    if !poor {
                        world.add(&app, &user, r#""amount":1000,"transaction_type":"BONUS""#).ok();
                    }
                    tokens.insert((gone, denied, poor), world.token(&app, &user));
                    if denied {
                        world.run(&["user", "permit", &user.id, &app.id, "--can-use", "false"]);
                    }
                    if gone {
                        world.run(&["user", "delete", &user.id]);
                    }
                }
            }
        }
        let stage = Self { world, app, tokens };
        let token = stage.tokens[&(false, false, false)].clone();
        stage.world.deduct(&stage.app, &token, r#""amount":2,"client_reference_id":"used""#).ok();
        stage
    }

    fn call(&self, faults: &[Fault]) -> Call {
        let has = |fault| faults.contains(&fault);
        let reference = if has(Reference) { "used".to_owned() } else { unique("reference") };
        let mut members = vec![
            format!(r#""amount":{}"#, if has(Balance) { "5000" } else { "1" }),
            format!(r#""description":"{}""#, unique("about")),
            format!(r#""client_reference_id":"{reference}""#),
        ];
        if has(Members) {
            members.insert(0, r#""ammount":1"#.to_owned());
        }
        if has(Size) {
            members.push(format!(r#""padding":"{}""#, "x".repeat(64 * 1024)));
        }
        // What is not JSON stands at the end, after the member that is unknown.
        let body = format!("{{{}{}", members.join(","), if has(Json) { "" } else { "}" });
        let path = if has(Route) { "/api/action/deduct-credit" } else { "/api/action/deduct-credits" };
        let timestamp = now_s().saturating_sub(if has(Timestamp) { 400 } else { 0 }).to_string();
        let mut call = Call::new(if has(Method) { "PUT" } else { "POST" }, path).body(body);
        call = call.signed_at(&self.app, &timestamp);
        if has(Signature) {
            let wrong = sign("another secret", &timestamp, &call.body);
            call = call.set("X-OSAYCORE-SIGNATURE", &wrong);
        }
        if has(Key) {
            call = call.set("X-OSAYCORE-API-KEY", "ok_unknown");
        }
        if has(Headers) {
            call = call.without("X-OSAYCORE-TIMESTAMP");
        }
        if has(ContentType) {
            call = call.set("Content-Type", "text/plain");
        }
        if !has(Token) {
            call = call.bearer(&self.tokens[&(has(UserGone), has(Permission), has(Balance))]);
        }
        call
    }
}

#[test]
fn the_earlier_of_two_faults_is_answered() {
    let stage = Stage::new();
    stage.call(&[]).send(&stage.world).ok();
    let mut wrong = Vec::new();
    for (first, (fault, status, code)) in ORDER.iter().enumerate() {
        for (second, _, _) in ORDER.iter().skip(first) {
            let call = stage.call(&[*fault, *second]);
            if [fault, second].contains(&&Reuse) {
                // Whatever it says there, it is the first sight, if it was verified.
                call.clone().to("POST", "/api/credits/add-credits").send(&stage.world);
            }
            let answer = call.send(&stage.world);
            if (answer.status, answer.code().as_str()) != (*status, *code) {
                wrong.push(format!("{fault:?} and {second:?}: {} {} instead of {code}", answer.status, answer.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_inactive_user_is_answered_before_what_the_user_may_do() {
    let (world, app) = World::served();
    let user = world.user("ann");
    let token = world.token(&app, &user);
    world.run(&["user", "permit", &user.id, &app.id, "--can-use", "false"]);
    world.deduct(&app, &token, r#""amount":1"#).refused(403, "not_permitted");
    world.run(&["user", "disable", &user.id]);
    world.deduct(&app, &token, r#""amount":1,"description":"later""#).refused(403, "user_inactive");
}

/// Of `add-credits`: user, scope, reference, payment, balance.
#[test]
fn adding_credits_is_checked_in_the_same_order() {
    let mut world = World::new();
    let (full, bare) = (world.app("full", &["add_credits", "manage_payments"]), world.app("bare", &[]));
    let user = world.user("ann");
    world.serve();
    world.add(&full, &user, r#""amount":1000000000000,"transaction_type":"BONUS","client_reference_id":"used""#).ok();
    let nobody = User { id: "9b2b0f0e-0000-4000-8000-000000000000".to_owned(), oasis_id: 0 };
    let no_payment = r#""payment_id":"9b2b0f0e-0000-4000-8000-000000000001""#;
    for (app, user, members, status, code) in [
        (&bare, &nobody, r#""amount":1,"transaction_type":"BONUS","x":1"#.to_owned(), 400, "unknown_field"),
        (&bare, &nobody, r#""amount":1,"transaction_type":"BONUS""#.to_owned(), 404, "user_not_found"),
        (&bare, &user, format!(r#""amount":1,"transaction_type":"PURCHASE",{no_payment}"#), 403, "scope_missing"),
        (
            &bare,
            &user,
            r#""amount":1,"transaction_type":"BONUS","client_reference_id":"used""#.to_owned(),
            403,
            "scope_missing",
        ),
        (
            &full,
            &user,
            format!(r#""amount":1,"transaction_type":"PURCHASE",{no_payment},"client_reference_id":"used""#),
            409,
            "reference_conflict",
        ),
        (&full, &user, format!(r#""amount":2,"transaction_type":"PURCHASE",{no_payment}"#), 400, "invalid_field"),
        (&full, &user, r#""amount":3,"transaction_type":"BONUS""#.to_owned(), 400, "balance_limit"),
    ] {
        world.add(app, user, &members).refused(status, code);
    }
}

#[test]
fn the_apps_rate_limit_stands_between_reuse_and_token() {
    let mut world = World::new();
    let app = world.app("slow", &["add_credits"]);
    world.run(&["app", "set", &app.id, "--requests-per-second", "1"]);
    world.serve();
    let limited = |call: &dyn Fn() -> Call| {
        patiently(Duration::from_secs(5), || {
            let answer = call().signed(&app).send(&world);
            if answer.status != 429 {
                return false;
            }
            answer.refused(429, "rate_limited");
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=2).contains(&wait), "{wait}");
            true
        })
    };
    let without_token = || Call::post("/api/action/deduct-credits", format!(r#"{{"x":"{}"}}"#, unique("x")));
    assert!(limited(&without_token), "429 goes before 401 missing_token");
    let call = Call::post("/api/credits/add-credits", "{}").signed(&app);
    call.send(&world);
    call.to("POST", "/api/payments").send(&world).refused(401, "signature_reused");
    let unsigned = || without_token().set("X-OSAYCORE-SIGNATURE", "00");
    for _ in 0..3 {
        unsigned().send(&world).refused(401, "missing_auth_headers");
    }
}

#[test]
fn the_limit_per_address_goes_before_everything() {
    let mut world = World::new();
    world.app("app", &[]);
    world.variable("OSAYCORE_ADDRESS_REQUESTS_PER_SECOND", "2");
    world.serve();
    let limited = patiently(Duration::from_secs(5), || Call::post("/no/such/path", "{}").send(&world).status == 429);
    assert!(limited, "a route that is not there does not go before the limit");
}
