//! What each route asks for: one list, which is that of the routes.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{ALL, Script};
use crate::support::World;
use crate::support::described::document;

/// Method, path, scope, and a body that is read.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/apps", "apps:read"),
    ("POST", "/apps", "apps:write"),
    ("GET", "/apps/{app}", "apps:read"),
    ("PATCH", "/apps/{app}", "apps:write"),
    ("POST", "/apps/{app}/secrets", "apps:write"),
    ("GET", "/apps/{app}/eval-keys", "apps:read"),
    ("POST", "/apps/{app}/eval-keys", "apps:write"),
    ("DELETE", "/apps/{app}/eval-keys/{key}", "apps:write"),
    ("GET", "/users", "users:read"),
    ("POST", "/users", "users:write"),
    ("GET", "/users/{user}", "users:read"),
    ("PATCH", "/users/{user}", "users:write"),
    ("DELETE", "/users/{user}", "users:write"),
    ("POST", "/users/{user}/restore", "users:write"),
    ("GET", "/users/{user}/permits/{app}", "users:read"),
    ("PUT", "/users/{user}/permits/{app}", "users:write"),
    ("GET", "/users/{user}/sessions", "users:read"),
    ("DELETE", "/users/{user}/sessions", "users:write"),
    ("DELETE", "/users/{user}/sessions/{session}", "users:write"),
    ("DELETE", "/users/{user}/identities/{provider}", "users:write"),
    ("GET", "/users/{user}/second-factor", "users:read"),
    ("DELETE", "/users/{user}/second-factor", "users:write"),
    ("DELETE", "/users/{user}/lock", "users:write"),
    ("POST", "/users/{user}/recovery-codes", "users:write"),
    ("GET", "/users/{user}/wallet", "credits:read"),
    ("POST", "/users/{user}/credits", "credits:write"),
    ("PUT", "/users/{user}/floor", "credits:write"),
    ("GET", "/groups", "users:read"),
    ("POST", "/groups", "users:write"),
    ("GET", "/groups/{group}", "users:read"),
    ("GET", "/groups/{group}/members", "users:read"),
    ("PUT", "/groups/{group}/members/{user}", "users:write"),
    ("DELETE", "/groups/{group}/members/{user}", "users:write"),
    ("PUT", "/groups/{group}/apps/{app}", "users:write"),
    ("DELETE", "/groups/{group}/apps/{app}", "users:write"),
    ("GET", "/transactions", "credits:read"),
    ("GET", "/transactions.csv", "credits:read"),
    ("GET", "/transactions/{transaction}", "credits:read"),
    ("GET", "/payments", "credits:read"),
    ("GET", "/flags", "flags:read"),
    ("DELETE", "/flags/{flag}", "flags:write"),
    ("POST", "/flags/{flag}/explain", "flags:read"),
    ("GET", "/flag-file", "flags:read"),
    ("PUT", "/flag-file", "flags:write"),
    ("GET", "/flag-versions", "flags:read"),
    ("GET", "/flag-diff", "flags:read"),
    ("POST", "/flag-rollback", "flags:write"),
    ("GET", "/audit", "audit:read"),
    ("GET", "/audit.ndjson", "audit:read"),
    ("GET", "/providers", "settings:read"),
    ("PUT", "/providers/{provider}", "settings:write"),
    ("DELETE", "/providers/{provider}", "settings:write"),
    ("GET", "/settings", "settings:read"),
    ("PATCH", "/settings", "settings:write"),
    ("POST", "/settings/api-key", "settings:write"),
    ("GET", "/settings/token-keys", "settings:read"),
    ("POST", "/settings/token-keys", "settings:write"),
    ("DELETE", "/settings/token-keys/{kid}", "settings:write"),
];

/// `METHOD path` of everything that `routes/admin` registers.
fn mounted() -> BTreeSet<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/routes/admin");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let code = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for (_, rest) in code.match_indices("resource(").map(|(at, _)| code.split_at(at)) {
            let mut quoted = rest.split('"').skip(1).step_by(2);
            let path = quoted.next().and_then(|path| path.strip_prefix("/admin/v1"));
            let Some(path) = path else { continue };
            found.extend(quoted.next().unwrap().split(", ").map(|method| format!("{method} {path}")));
        }
    }
    found
}

#[test]
fn the_list_is_that_of_the_routes() {
    let listed: BTreeSet<String> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(listed, mounted());
    let used: BTreeSet<&str> = ROUTES.iter().map(|(_, _, scope)| *scope).collect();
    assert_eq!(used, ALL.split(',').collect(), "each scope opens something, and none else does");
}

#[test]
fn the_description_names_the_scope_of_each_route() {
    for (method, path, scope) in ROUTES {
        let operation = &document()["paths"][format!("/api/admin/v1{path}")][method.to_lowercase()];
        assert_eq!(operation["security"], serde_json::json!([{"admin": [scope]}]), "{method} {path}");
    }
}

#[test]
fn each_route_opens_with_its_scope_and_with_no_other() {
    let mut world = World::new();
    world.serve();
    let scopes: Vec<&str> = ALL.split(',').collect();
    for scope in scopes {
        let name = scope.replace(':', "-");
        let only = Script::with(&world, &["--name", &name, "--scopes", scope]);
        let others: Vec<&str> = ALL.split(',').filter(|other| *other != scope).collect();
        let lacking = format!("no-{name}");
        let lacking = Script::with(&world, &["--name", &lacking, "--scopes", &others.join(",")]);
        for (method, path, asked) in ROUTES.iter().filter(|route| route.2 == scope) {
            let path = path.replace(['{', '}'], "");
            let refused = lacking.send(method, &path, "{}").refused(403, "scope_missing");
            assert_eq!(refused["scope"], *asked, "{method} {path}");
            assert!(refused["error"].as_str().unwrap().contains(asked), "{refused}");
            // What is asked for is not there or says too little; but it is asked for.
            let opened = only.send(method, &path, if *method == "GET" { "" } else { r#"{"no_such_member":1}"# });
            assert!(![401, 403, 405, 500].contains(&opened.status), "{method} {path}: {}", opened.text());
        }
    }
}
