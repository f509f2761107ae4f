//! References: a transaction is posted once, however often it is asked for.

use crate::support::{Answer, App, Call, User, World, now_s};

/// A server, an app with every scope, a user with a balance, and a token.
fn stage(credits: &str) -> (World, App, User, String) {
    let (world, app) = World::served();
    let user = world.rich_user("ann", credits);
    let token = world.token(&app, &user);
    (world, app, user, token)
}

/// The same members signed for another second: another signature, so that only the reference recognises it.
fn deduct_at(world: &World, app: &App, token: &str, members: &str, age: i64) -> Answer {
    let call = Call::post("/api/action/deduct-credits", format!("{{{members}}}")).bearer(token);
    call.signed_at(app, &now_s().saturating_sub(age).to_string()).send(world)
}

#[test]
fn a_reference_posts_once_and_answers_the_same_bytes() {
    let (mut world, app, user, token) = stage("10");
    let members = r#""amount":10,"description":"d","client_reference_id":"r""#;
    let first = deduct_at(&world, &app, &token, members, 0);
    first.ok();
    // Equal as requested: the value, not the spelling; the order of members; before the balance, which is 0.
    for (age, same) in (1..).zip([
        members,
        r#""client_reference_id":"r","description":"d","amount":10.00"#,
        r#""amount":"10.0","description":"d","client_reference_id":"r","units":null"#,
        r#""amount":1e1,"description":"d","client_reference_id":"r""#,
    ]) {
        let again = deduct_at(&world, &app, &token, same, age);
        assert_eq!((again.status, again.text(), again.is_replayed()), (200, first.text(), true), "{same}");
    }
    world.crash();
    let again = deduct_at(&world, &app, &token, members, 20);
    assert_eq!((again.status, again.text(), again.is_replayed()), (200, first.text(), true));
    // An addition has references too, of the same app.
    let members = r#""amount":3,"transaction_type":"BONUS","client_reference_id":"a""#;
    let first = world.add(&app, &user, members);
    first.ok();
    let body = format!(r#"{{"user_id":"{}",{members}}}"#, user.id);
    let again = Call::post("/api/credits/add-credits", body)
        .signed_at(&app, &now_s().saturating_sub(9).to_string())
        .send(&world);
    assert_eq!((again.status, again.text(), again.is_replayed()), (200, first.text(), true));
    assert_eq!(world.balance(&app, &token), "3.00");
}

#[test]
fn a_reference_with_other_parameters_names_the_first_that_differs() {
    let (world, app, user, token) = stage("100");
    let other = world.rich_user("bob", "100");
    let other_token = world.token(&app, &other);
    world.run(&["user", "permit", &user.id, &app.id, "--credit-rate", "1"]);
    world.deduct(&app, &token, r#""amount":10,"description":"d","client_reference_id":"r""#).ok();
    world.deduct(&app, &token, r#""units":10,"client_reference_id":"u""#).ok();
    world
        .add(&app, &user, r#""amount":10,"transaction_type":"BONUS","description":"d","client_reference_id":"a""#)
        .ok();
    let conflict = |answer: Answer| answer.refused(409, "reference_conflict")["field"].as_str().unwrap().to_owned();
    for (token, members, field) in [
        (&token, r#""amount":11,"description":"d","client_reference_id":"r""#, "amount"),
        (&token, r#""amount":10,"description":"e","client_reference_id":"r""#, "description"),
        (&token, r#""amount":10,"client_reference_id":"r""#, "description"),
        (&other_token, r#""amount":10,"description":"d","client_reference_id":"r""#, "user_id"),
        (&token, r#""units":11,"client_reference_id":"u""#, "units"),
        (&token, r#""amount":10,"description":"d","client_reference_id":"a""#, "operation"),
    ] {
        assert_eq!(conflict(world.deduct(&app, token, members)), field, "{members}");
    }
    // Amount and units are members of their own, whatever they come to.
    let named = conflict(world.deduct(&app, &token, r#""units":10,"description":"d","client_reference_id":"r""#));
    assert!(["amount", "units"].contains(&named.as_str()), "{named}");
    for (user, members, field) in [
        (&user, r#""amount":11,"transaction_type":"BONUS","description":"d","client_reference_id":"a""#, "amount"),
        (
            &user,
            r#""amount":10,"transaction_type":"EARNED","description":"d","client_reference_id":"a""#,
            "transaction_type",
        ),
        (&user, r#""amount":10,"transaction_type":"BONUS","description":"e","client_reference_id":"a""#, "description"),
        (&other, r#""amount":10,"transaction_type":"BONUS","description":"d","client_reference_id":"a""#, "user_id"),
        (&user, r#""amount":10,"transaction_type":"BONUS","description":"d","client_reference_id":"r""#, "operation"),
    ] {
        assert_eq!(conflict(world.add(&app, user, members)), field, "{members}");
    }
    assert_eq!(world.balance(&app, &token), "90.00");
    assert_eq!(world.balance(&app, &other_token), "100.00");
}

#[test]
fn references_of_two_apps_do_not_meet() {
    let mut world = World::new();
    let apps = [world.app("one", &[]), world.app("two", &[])];
    let user = world.rich_user("ann", "100");
    world.serve();
    for app in &apps {
        let token = world.token(app, &user);
        let answer = world.deduct(app, &token, r#""amount":10,"client_reference_id":"r""#);
        answer.ok();
        assert!(!answer.is_replayed());
    }
    // One wallet for both.
    let token = world.token(&apps[0], &user);
    assert_eq!(world.balance(&apps[0], &token), "80.00");
}
