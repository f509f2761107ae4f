//! Credits added, charges refunded: each once.

use serde_json::{Value, json};

use super::super::Browser;
use super::{balance, done, path, refused, stage, value};

#[test]
fn a_charge_is_refunded_once_and_never_for_more() {
    let (world, app, ann, email) = stage();
    let token = world.token(&app, &ann);
    let charge = world.deduct(&app, &token, r#""amount":10,"description":"ten""#).ok();
    let charge = charge["transaction_id"].as_str().unwrap();
    let bonus = world.add(&app, &ann, r#""amount":1,"transaction_type":"BONUS""#).ok();
    let bonus = bonus["transaction_id"].as_str().unwrap();
    let mut browser = Browser::signed_in(&world, &email);
    let at = path(&ann, &format!("/wallet/{charge}"));
    assert!(browser.page(&path(&ann, "/wallet")).contains(&at));
    let page = browser.page(&at);
    assert_eq!((value(&page, "amount").as_str(), value(&page, "number").as_str()), ("10.00", "1"));
    let refund = format!("{at}/refund");
    for (amount, problem) in [
        ("10.000001", "Of this charge 10.00 is left to refund."),
        ("0", "Not greater than zero."),
        ("-1", "Not a decimal number."),
        ("1e", "Not a decimal number."),
        ("", "Not a decimal number."),
    ] {
        let page = refused(&mut browser, &refund, &[("amount", amount), ("number", "1")], problem);
        assert_eq!(value(&page, "amount"), amount);
    }
    let balance = || balance(&world, "ann");
    assert_eq!(balance(), "91.00");
    let fields = [("amount", "4"), ("number", "1"), ("description", "sorry")];
    assert!(done(&mut browser, &refund, &fields).contains("4.00 credits were refunded. The balance is 95.00."));
    let page = done(&mut browser, &refund, &fields);
    assert!(page.contains("were refunded before: nothing was given back again"), "{page}");
    assert_eq!(balance(), "95.00");
    for number in ["1", "3", "0"] {
        refused(&mut browser, &refund, &[("amount", "6"), ("number", number)], "This charge was refunded meanwhile");
    }
    refused(&mut browser, &refund, &[("amount", "6.1"), ("number", "2")], "Of this charge 6.00 is left to refund.");
    let page = browser.page(&at);
    assert_eq!((value(&page, "amount").as_str(), value(&page, "number").as_str()), ("6.00", "2"));
    let page = done(&mut browser, &refund, &[("amount", "6"), ("number", "2")]);
    assert!(page.contains("All of this charge was given back.") && !page.contains("name=\"amount\""), "{page}");
    refused(&mut browser, &refund, &[("amount", "1"), ("number", "3")], "All of this charge was given back.");
    assert_eq!(balance(), "101.00");
    let given = page.split("/wallet/").find(|rest| rest.contains("4.00 credits were given back")).unwrap();
    let given = given.split('"').next().unwrap();
    assert!(browser.page(&path(&ann, &format!("/wallet/{given}"))).contains(&at), "a refund leads to its charge");
    let history = world.run_json(&["credits", "history", "ann", "--limit", "1"]);
    assert_eq!((&history[0]["type"], &history[0]["app_id"]), (&json!("REFUND"), &Value::Null));

    let bob = world.user("bob");
    browser.page(&path(&bob, ""));
    let fields = [("amount", "1"), ("number", "1")];
    for (user, transaction) in [(&bob, charge), (&ann, bonus), (&ann, "00000000-0000-4000-8000-000000000000")] {
        let answer = browser.post(&path(user, &format!("/wallet/{transaction}/refund")), &fields);
        assert_eq!(answer.status, 404, "{transaction} is no charge of {}: {}", user.id, answer.text());
    }
    assert_eq!(browser.get(&path(&bob, &format!("/wallet/{charge}"))).status, 404);
    world.run(&["credits", "verify"]);
}

#[test]
fn refunds_at_once_never_come_to_more_than_was_charged() {
    let (world, app, ann, email) = stage();
    let other = world.another();
    let token = world.token(&app, &ann);
    let charge = world.deduct(&app, &token, r#""amount":10"#).ok();
    let at = path(&ann, &format!("/wallet/{}", charge["transaction_id"].as_str().unwrap()));
    let mut first = Browser::signed_in(&world, &email);
    first.page(&at);
    let there = Browser { world: &other, ..first.clone() };
    let browsers: Vec<Browser<'_>> = (0..8).map(|n| if n % 2 == 0 { first.clone() } else { there.clone() }).collect();
    std::thread::scope(|scope| {
        for (number, mut browser) in browsers.into_iter().enumerate() {
            let refund = format!("{at}/refund");
            // Half of them ask for the same, half for something of their own.
            let amount = if number < 4 { "3".to_owned() } else { format!("3.{number}") };
            scope.spawn(move || {
                let answer = browser.post(&refund, &[("amount", &amount), ("number", "1")]);
                assert!(matches!(answer.status, 303 | 422), "{} {}", answer.status, answer.text());
            });
        }
    });
    let refunds = world.run_json(&["credits", "history", "ann"]);
    let refunds: Vec<_> = refunds.as_array().unwrap().iter().filter(|entry| entry["type"] == "REFUND").collect();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    world.run(&["credits", "verify"]);
}

#[test]
fn credits_are_added_once_under_a_reference() {
    let (world, _, ann, email) = stage();
    let mut browser = Browser::signed_in(&world, &email);
    let wallet = path(&ann, "/wallet");
    let reference = value(&browser.page(&wallet), "reference");
    assert_ne!(value(&browser.page(&wallet), "reference"), reference, "every form has one of its own");
    let add = path(&ann, "/wallet/add");
    let long = "x".repeat(1001);
    let given = ("reference", "a-1");
    for (fields, problem) in [
        (&[("amount", "1.0000001"), ("kind", "BONUS"), given][..], "More than six decimal places."),
        (&[("amount", "5"), ("kind", "DEDUCTION"), given], "Not one of PURCHASE, BONUS"),
        (&[("amount", "5"), ("kind", "BONUS"), ("description", &long), given], "At most 1000 characters."),
        (&[("amount", "5"), ("kind", "BONUS"), ("reference", &long)], "At most 255 characters."),
        (
            &[("amount", "5"), ("kind", "BONUS"), ("reference", " ")],
            "Without one a form that is sent twice would add twice.",
        ),
        (&[("amount", "1000000000000"), ("kind", "BONUS"), given], "would pass 1000000000000"),
    ] {
        let page = refused(&mut browser, &add, fields, problem);
        assert!(page.contains("<details open>"), "the form is in sight: {page}");
    }
    let fields = [("amount", "5"), ("kind", "ADJUSTMENT"), ("description", "ticket 7"), ("reference", &reference)];
    assert!(done(&mut browser, &add, &fields).contains("5.00 credits were added. The balance is 105.00."));
    assert!(done(&mut browser, &add, &fields).contains("nothing was added again"));
    let others = [("amount", "6"), ("kind", "ADJUSTMENT"), ("reference", &reference)];
    refused(&mut browser, &add, &others, "Other credits were added under this reference");
    let page = browser.page(&wallet);
    assert!(page.contains("105.00") && page.contains("ticket 7") && page.contains("An operator"), "{page}");
    let page = refused(&mut browser, &path(&ann, "/wallet/floor"), &[("floor", "much")], "Not a decimal number.");
    assert!(value(&page, "reference").starts_with("console-") && page.contains("value=\"BONUS\" selected"), "{page}");
    assert_eq!(value(&page, "floor"), "much");
    let page = refused(&mut browser, &add, &[("amount", "x"), ("kind", "REFUND"), given], "Not a decimal number.");
    assert_eq!((value(&page, "reference").as_str(), value(&page, "floor").as_str()), ("a-1", "0.00"));
    assert!(page.contains("value=\"REFUND\" selected"), "{page}");
    assert!(done(&mut browser, &path(&ann, "/wallet/floor"), &[("floor", "-20")]).contains("The floor is -20.00 now."));
    for number in 0..50 {
        let name = format!("n{number}");
        let fields =
            [("amount", "0.5"), ("kind", "BONUS"), ("description", name.as_str()), ("reference", name.as_str())];
        let answer = browser.post(&add, &fields);
        assert_eq!(answer.status, 303);
    }
    let page = browser.page(&wallet);
    let next = page.split("<a href=\"").find(|rest| rest.contains("rel=\"next\"")).unwrap();
    let older = browser.page(next.split('"').next().unwrap());
    assert!(!page.contains("ticket 7") && older.contains("ticket 7") && older.contains("First page"), "{older}");
}
