//! Lists, page by page.

use std::collections::BTreeSet;

use super::Script;
use crate::support::World;

#[test]
fn pages_of_250_users_have_no_gap_and_no_repeat_while_some_are_added() {
    let mut world = World::new();
    world.serve();
    let script = Script::new(&world);
    let add = |name: &str| {
        script.does("POST", "/users", &format!(r#"{{"username":"{name}","email":"{name}@example.com"}}"#));
    };
    for n in 0..250 {
        add(&format!("user{n:03}"));
    }
    for path in ["/users", "/users?search=USER"] {
        let mut added = 0;
        let found = script.all(path, || {
            added += 1;
            add(&format!("user{:03}-{}-{added}", added * 17 % 250, path.len()));
        });
        let names: Vec<&str> = found.iter().map(|user| user["username"].as_str().unwrap()).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(distinct.len(), names.len(), "a repeat");
        let missing: Vec<String> =
            (0..250).map(|n| format!("user{n:03}")).filter(|name| !distinct.contains(&**name)).collect();
        assert!(missing.is_empty() && added >= 12, "{missing:?}");
        if path.contains("search") {
            assert!(names.is_sorted(), "by name");
        }
    }
    // Twelve pages of events more: of each user one.
    assert!(script.all("/audit?action=user.created", || {}).len() >= 250);
    script.get("/users?cursor=x").refused(400, "invalid_field");
    let other = script.get("/apps?limit=1").ok();
    assert_eq!(other["next_cursor"], serde_json::Value::Null);
    let of_users = script.get("/users?limit=1").ok()["next_cursor"].as_str().unwrap().to_owned();
    let refused = script.get(&format!("/transactions?cursor={of_users}")).refused(400, "invalid_field");
    assert_eq!(refused["field"], "cursor");
    script.get("/users?limit=201").refused(400, "invalid_field");
}
