//! The admin API, as scripts use it.

mod changes;
mod pages;
mod scopes;
mod tasks;
mod tenants;
mod tokens;

use std::time::Duration;

use serde_json::Value;

use crate::support::{Answer, Call, World, patiently};

/// Every scope.
pub(crate) const ALL: &str = "apps:read,apps:write,users:read,users:write,credits:read,credits:write,flags:read,\
                              flags:write,audit:read,settings:read,settings:write";

/// A script: a token, and where it calls.
pub(crate) struct Script<'w> {
    pub(crate) world: &'w World,
    pub(crate) token: String,
}

impl<'w> Script<'w> {
    /// With every scope. A running server knows the token before this returns.
    #[track_caller]
    pub(crate) fn new(world: &'w World) -> Self {
        Self::with(world, &["--name", "deploy", "--scopes", ALL])
    }

    /// Of a token that is made so.
    #[track_caller]
    pub(crate) fn with(world: &'w World, arguments: &[&str]) -> Self {
        let made = world.run_json(&[&["admin-token", "create"], arguments].concat());
        let script = Self { world, token: made["admin_token"].as_str().unwrap().to_owned() };
        crate::support::within_a_second("a new token is known", || script.get("/settings").status != 401);
        script
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(method, &format!("/api/admin/v1{path}")).bearer(&self.token)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    /// Sends, and again for as long as the rate limit refuses it.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let call = self.call(method, path);
        let call = if body.is_empty() { call } else { call.body(body) };
        let mut answer = call.send(self.world);
        patiently(Duration::from_secs(10), || {
            if answer.status == 429 {
                answer = call.send(self.world);
            }
            answer.status != 429
        });
        answer
    }

    /// What is answered must be 200 or 201.
    #[track_caller]
    pub(crate) fn does(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.send(method, path, body);
        assert!([200, 201].contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
        answer.json()
    }

    /// All things of a list, page by page; `between` is done after each.
    #[track_caller]
    pub(crate) fn all(&self, path: &str, mut between: impl FnMut()) -> Vec<Value> {
        let (mut found, mut cursor) = (vec![], String::new());
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.does("GET", &format!("{path}{separator}limit=20{cursor}"), "");
            found.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next_cursor"].as_str() else { return found };
            cursor = format!("&cursor={next}");
            between();
        }
    }
}
