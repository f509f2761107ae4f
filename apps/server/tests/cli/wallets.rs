//! Credits.

use crate::support::{Deployment, members};

#[test]
fn credits_are_exact_and_stand_in_the_history() {
    let deployment = Deployment::new();
    deployment.user("alice");
    let added = deployment.text(&["credits", "add", "alice", "0.1", "--type", "BONUS", "--json"]);
    assert!(added.contains(r#""new_balance":0.10"#), "{added}");
    let added = deployment.json(&["credits", "add", "alice", "0.2", "--type", "EARNED", "--description", "a gift"]);
    assert_eq!(members(&added), ["new_balance", "transaction_id"]);
    let balance = deployment.text(&["credits", "balance", "alice", "--json"]);
    assert!(balance.contains(r#""balance":0.30,"lifetime_earned":0.30,"lifetime_spent":0.00"#), "{balance}");
    let history = deployment.json(&["credits", "history", "alice"]);
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!((&history[0]["type"], &history[0]["description"]), (&"EARNED".into(), &"a gift".into()));
    assert_eq!(deployment.json(&["credits", "history", "alice", "--limit", "1"]).as_array().unwrap().len(), 1);
    deployment.refused(&["credits", "add", "alice", "1000000000000", "--type", "BONUS"], 1);
    assert_eq!(deployment.json(&["credits", "history", "alice"]).as_array().unwrap().len(), 2);
}

#[test]
fn verification_says_whether_it_could_check() {
    let deployment = Deployment::new();
    deployment.user("alice");
    deployment.text(&["credits", "add", "alice", "1", "--type", "BONUS"]);
    deployment.text(&["tenant", "create", "--name", "acme"]);
    deployment.text(&["user", "create", "--username", "bob", "--tenant", "acme"]);
    let verified = deployment.json(&["credits", "verify"]);
    assert_eq!((&verified["accounts"], &verified["entries"]), (&2.into(), &1.into()), "every tenant's");
    assert_eq!(deployment.json(&["credits", "verify", "--tenant", "acme"])["accounts"], 1);
    deployment.write("garbage.db", &"no database at all ".repeat(100));
    deployment.refused(&["credits", "verify", "--database-url", "sqlite://garbage.db"], 3);
    deployment.refused(&["credits", "verify", "--tenant", "nobody"], 3);
}
