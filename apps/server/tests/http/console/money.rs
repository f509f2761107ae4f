//! What was spent and paid: lists, single ones and the file.

use super::{Browser, login, login_of};
use crate::support::{World, unique};

const NASTY: &str = "<script>alert(1)</script>=1";

/// The ids of transactions that a page links to, in its order.
fn listed(page: &str) -> Vec<String> {
    let links = page.split("<th scope=\"row\"><a href=\"/console/credits/").skip(1);
    links.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn transactions_are_found_by_whatever_they_have_and_no_other_tenants() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "owner", "Elsewhere");
    let shop = world.app_of_every_scope();
    let ada = world.rich_user("ada", "100");
    let bob = world.rich_user("bob", "10");
    world.serve();
    let (reference, token) = (unique("order"), world.token(&shop, &ada));
    let asked = format!(r#""amount":2.5,"description":"{NASTY}","client_reference_id":"{reference}""#);
    let id = world.deduct(&shop, &token, &asked).ok()["transaction_id"].as_str().unwrap().to_owned();

    let mut vera = Browser::signed_in(&world, &email);
    let page = vera.page("/console/credits");
    assert_eq!(listed(&page).len(), 3, "{page}");
    assert_eq!(listed(&page)[0], id, "the newest first");
    assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;alert(1)"), "{page}");
    let app = shop.oasis_app_id;
    for (query, count) in [
        ("kind=DEDUCTION".to_owned(), 1),
        ("kind=BONUS".to_owned(), 2),
        (format!("app={app}"), 1),
        ("app=0".to_owned(), 2),
        ("user=ada".to_owned(), 2),
        (format!("user={}", ada.id), 2),
        (format!("user={}&kind=DEDUCTION", bob.id), 0),
        (format!("reference={reference}"), 1),
        ("reference=another".to_owned(), 0),
        ("from=2020-01-01".to_owned(), 3),
        ("from=2020-01-01&to=2020-01-31".to_owned(), 0),
    ] {
        let page = vera.page(&format!("/console/credits?{query}"));
        assert_eq!(listed(&page).len(), count, "{query}: {page}");
        let file = vera.page(&format!("/console/credits/transactions.csv?{query}"));
        assert_eq!(file.lines().count(), count + 1, "{query}: {file}");
    }
    for (query, problem) in [
        ("user=nobody", "There is no such user."),
        ("app=x", "Invalid digit"),
        ("kind=GIFT", "one of DEDUCTION"),
        ("from=yesterday", "A day is like 2026-01-31."),
        ("from=2026-02-02&to=2026-02-01", "This is before the first day."),
    ] {
        let answer = vera.get(&format!("/console/credits?{query}"));
        assert!(answer.status == 422 && answer.text().contains(problem), "{query}: {}", answer.text());
        let value = query.rsplit('=').next().unwrap();
        let is_chosen = query.starts_with("app") || query.starts_with("kind");
        assert!(is_chosen || answer.text().contains(&format!("value=\"{value}\"")), "what was typed stays: {query}");
        assert_eq!(vera.get(&format!("/console/credits/transactions.csv?{query}")).status, 303, "{query}");
    }
    assert_eq!(vera.get("/console/credits?after=nonsense").status, 400);

    let one = vera.page(&format!("/console/credits/{id}"));
    assert!(one.contains("-2.50") && one.contains("97.50") && one.contains(&reference), "{one}");
    assert!(!one.contains("<script>alert"), "{one}");
    let mut sam = Browser::signed_in(&world, &stranger);
    assert_eq!(sam.get(&format!("/console/credits/{id}")).status, 404, "another tenant's");
    assert_eq!(listed(&sam.page("/console/credits")).len(), 0);
    assert_eq!(sam.page("/console/credits/transactions.csv").lines().count(), 1);
    assert_eq!(sam.get("/console/credits?user=ada").status, 422, "nor is the user there");
    for path in ["/console/credits/x", "/console/credits/payments/x"] {
        assert_eq!(vera.get(path).status, 404, "{path}");
    }
    assert_eq!(Browser::new(&world).get("/console/credits/transactions.csv").status, 303, "nobody gets the file");
}

#[test]
fn the_file_has_every_transaction_that_is_meant_and_no_formula() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    let shop = world.app_of_every_scope();
    let ada = world.rich_user("ada", "1");
    world.rich_user("=cmd", "1");
    world.serve();
    // More than are read at once.
    std::thread::scope(|scope| {
        for part in 0..8 {
            let (world, shop, ada) = (&world, &shop, &ada);
            scope.spawn(move || {
                for number in 0..65 {
                    let text = format!(r#"=1+{part}{number}, \"said\""#);
                    let asked = format!(r#""amount":0.01,"transaction_type":"BONUS","description":"{text}""#);
                    world.add(shop, ada, &asked).ok();
                }
            });
        }
    });
    let mut vera = Browser::signed_in(&world, &email);
    let answer = vera.get("/console/credits/transactions.csv?kind=BONUS&user=ada");
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(answer.header("content-disposition").unwrap().contains("transactions.csv"));
    let file = answer.text();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines[0],
        "time,transaction_id,user,user_id,type,amount,balance_after,app,reference,description,payment_id"
    );
    let bonuses = lines.iter().filter(|line| line.contains(",ada,") && line.contains(",BONUS,0.01,")).count();
    assert_eq!(bonuses, 520, "all of them, page by page");
    assert!(lines[1].contains(",\"'=1+"), "{}", lines[1]);
    assert!(lines[1].contains(", \"\"said\"\"\","), "{}", lines[1]);
    let all = vera.page("/console/credits/transactions.csv");
    assert!(all.contains(",'=cmd,"), "a name is no formula either: {all}");
    let ids: std::collections::BTreeSet<&str> = lines[1..].iter().map(|line| line.split(',').nth(1).unwrap()).collect();
    assert_eq!(ids.len(), lines.len() - 1, "none twice");
}
