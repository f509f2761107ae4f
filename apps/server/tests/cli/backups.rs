//! Backup and restore.

use crate::support::{Deployment, text};

fn usernames(deployment: &Deployment) -> Vec<String> {
    let users = deployment.json(&["user", "list"]);
    users.as_array().unwrap().iter().map(|user| text(user, "username")).collect()
}

#[test]
fn a_restored_backup_is_the_database_of_its_time() {
    let deployment = Deployment::new();
    let app = deployment.app("Shop");
    deployment.user("alice");
    let answer = deployment.run(&["backup", "copy.db"]);
    assert!(answer.code == 0 && answer.err.contains("osaycore.db.key"), "it says where the key is: {}", answer.err);
    deployment.user("bob");
    assert_eq!(usernames(&deployment), ["alice", "bob"]);
    assert_eq!(deployment.json(&["restore", "copy.db"])["restored"], true);
    assert_eq!(usernames(&deployment), ["alice"]);
    assert_eq!(text(&deployment.app("Next"), "oasis_api_key"), text(&app, "oasis_api_key"));
    assert_eq!(deployment.json(&["audit", "list", "--action", "backup.restored"]).as_array().unwrap().len(), 1);
    // Again, over the first: a backup may replace a backup.
    deployment.text(&["backup", "copy.db"]);
    assert_eq!(deployment.json(&["credits", "verify"])["difference"], serde_json::Value::Null);
    let left: Vec<String> = std::fs::read_dir(deployment.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".backup") || name.contains(".restore"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_backup_alone_is_restored_and_says_that_the_key_is_missing() {
    let deployment = Deployment::new();
    deployment.user("alice");
    deployment.text(&["backup", "copy.db"]);
    let other = Deployment::new();
    std::fs::copy(deployment.path("copy.db"), other.path("copy.db")).unwrap();
    let answer = other.run(&["restore", "copy.db"]);
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert!(answer.err.contains("master key file osaycore.db.key is missing"), "{}", answer.err);
    std::fs::copy(deployment.path("osaycore.db.key"), other.path("osaycore.db.key")).unwrap();
    assert_eq!(usernames(&other), ["alice"]);
}

#[test]
fn what_is_no_sound_backup_changes_nothing() {
    let deployment = Deployment::new();
    deployment.user("alice");
    deployment.text(&["backup", "copy.db"]);
    let sound = deployment.bytes("copy.db");
    let (cut, _) = sound.split_at(sound.len() / 2);
    std::fs::write(deployment.path("cut.db"), cut).unwrap();
    deployment.write("text.db", "not a database");
    deployment.write("empty.db", "");
    for name in ["cut.db", "text.db", "empty.db", "none.db", "osaycore.db"] {
        deployment.refused(&["restore", name], 1);
        assert_eq!(usernames(&deployment), ["alice"], "{name}");
    }
    for name in ["text.db", "osaycore.db"] {
        deployment.refused(&["backup", name], 1);
    }
    assert_eq!(deployment.bytes("text.db"), b"not a database");
    assert!(deployment.refused(&["backup", "x/y/copy.db"], 1).contains("copy.db"));
}

#[test]
fn a_damaged_database_is_replaced() {
    let deployment = Deployment::new();
    deployment.user("alice");
    deployment.text(&["backup", "copy.db"]);
    deployment.write("osaycore.db", &"damaged ".repeat(1000));
    for log in ["osaycore.db-wal", "osaycore.db-shm"] {
        let _ = std::fs::remove_file(deployment.path(log));
    }
    deployment.refused(&["user", "list"], 1);
    deployment.text(&["restore", "copy.db"]);
    assert_eq!(usernames(&deployment), ["alice"]);
}

#[cfg(unix)]
#[test]
fn a_backup_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let deployment = Deployment::new();
    deployment.text(&["backup", "copy.db"]);
    let mode = std::fs::metadata(deployment.path("copy.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
