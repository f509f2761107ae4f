//! What went on and what needs attention.

use std::time::Duration;

use super::{Browser, login, login_of};
use crate::support::{World, patiently};

/// The task of the trail begins at once; on a busy machine it takes its time.
const COUNTED: Duration = Duration::from_secs(20);

/// What is said above a chart.
fn figure(page: &str, id: &str) -> String {
    let chart = page.split_once(&format!("id=\"{id}-title\"")).unwrap().1;
    let text = chart.split_once("<div class=\"figure\">").unwrap().1.split('<').next().unwrap();
    text.replace('\u{202f}', " ")
}

#[test]
fn what_went_on_is_counted_once_over_restarts_and_servers_and_told_in_figures_and_tables() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    world.run(&["tenant", "create", "--name", "Elsewhere"]);
    let stranger = login_of(&world, "sam", "viewer", "Elsewhere");
    let (shop, ada) = (world.app_of_every_scope(), world.rich_user("ada", "100"));
    world.serve();
    let token = world.token(&shop, &ada);
    for amount in ["2.5", "1"] {
        world.deduct(&shop, &token, &format!(r#""amount":{amount}"#)).ok();
    }
    world.deduct(&shop, &token, r#""amount":5000"#).refused(402, "insufficient_credits");
    // A clean stop loses nothing; here are the token's request and three more.
    world.stop();
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    for (range, active) in
        [("24h", "1 at most in an hour"), ("7d", "1 at most in a day"), ("30d", "1 at most in a day")]
    {
        let path = format!("/console?range={range}");
        let credits = |browser: &mut Browser<'_>| figure(&browser.page(&path), "credits");
        assert!(patiently(COUNTED, || credits(&mut vera) == "3.50 spent, 100.00 issued"), "{}", credits(&mut vera));
        let page = vera.page(&path);
        assert_eq!(figure(&page, "requests"), "4 requests, 1 refused, 0 failed", "{page}");
        assert_eq!(figure(&page, "active"), active);
        assert!(figure(&page, "sign-ins").ends_with(", 1 refusal"), "{}", figure(&page, "sign-ins"));
        assert!(page.contains("<td class=\"number\">3.50</td>"), "the table says the same: {page}");
        assert!(page.contains(&format!("range={range}#activity\" aria-current=\"true\"")), "{page}");
    }
    // Another server counts on, and nothing anew.
    let second = world.another();
    let token = second.token(&shop, &ada);
    second.deduct(&shop, &token, r#""amount":0.5"#).ok();
    world.kill();
    let mut there = Browser::signed_in(&second, &email);
    let credits = |browser: &mut Browser<'_>| figure(&browser.page("/console"), "credits");
    assert!(patiently(COUNTED, || credits(&mut there) == "4.00 spent, 100.00 issued"), "{}", credits(&mut there));
    let mut sam = Browser::signed_in(&second, &stranger);
    assert_eq!(credits(&mut sam), "0.00 spent, 0.00 issued", "another tenant's are its own");
    assert_eq!(sam.get("/console?range=nonsense").status, 200);
}

#[test]
fn what_needs_attention_is_told_with_the_way_there() {
    let mut world = World::new();
    let email = login(&world, "vera", "viewer");
    let shop = world.app("<script>alert(1)</script>", &[]);
    world.run(&["app", "rotate-secret", &shop.id, "--grace-seconds", "3600"]);
    world.serve();
    let mut vera = Browser::signed_in(&world, &email);
    let page = vera.page("/console");
    assert!(page.contains("A replaced secret of &#60;script&#62;alert(1)&#60;/script&#62; ends"), "{page}");
    assert!(page.contains(&format!("href=\"/console/apps/{}\"", shop.oasis_app_id)), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    for absent in ["keeps failing", "locked out", "Stale flags"] {
        assert!(!page.contains(absent), "{absent}: {page}");
    }
    let file = world.folder().join("flags.yaml");
    let expired = "flags:\n  - key: old-checkout\n    expires_at: 2020-01-01T00:00:00Z\n";
    std::fs::write(&file, expired).unwrap();
    world.run(&["flag", "apply", file.to_str().unwrap()]);
    let page = vera.page("/console");
    assert!(page.contains("Stale flags") && page.contains("old-checkout"), "{page}");
}
