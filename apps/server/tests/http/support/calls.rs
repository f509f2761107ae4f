//! The calls that most tests make on their way.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Answer, App, Call, User, World};

/// A text that was not given before: equal bodies in one second would be one request.
pub(crate) fn unique(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{prefix}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl World {
    /// A new token of the user.
    #[track_caller]
    pub(crate) fn token(&self, app: &App, user: &User) -> String {
        static LIFETIME: AtomicU64 = AtomicU64::new(3600);
        // Each asks for another lifetime: two of one user in one second would be one request.
        let lifetime = LIFETIME.fetch_add(1, Ordering::Relaxed);
        let body = format!(r#"{{"user_id":"{}","expires_in_seconds":{lifetime}}}"#, user.id);
        let made = Call::post("/api/auth/generate-user-jwt", body).signed(app).send(self).ok();
        made["jwt_token"].as_str().unwrap().to_owned()
    }

    /// Deducts with the members given as JSON text, such as `"amount":1`.
    #[track_caller]
    pub(crate) fn deduct(&self, app: &App, token: &str, members: &str) -> Answer {
        Call::post("/api/action/deduct-credits", format!("{{{members}}}")).bearer(token).signed(app).send(self)
    }

    /// Adds with the members given as JSON text after `user_id`.
    #[track_caller]
    pub(crate) fn add(&self, app: &App, user: &User, members: &str) -> Answer {
        let body = format!(r#"{{"user_id":"{}",{members}}}"#, user.id);
        Call::post("/api/credits/add-credits", body).signed(app).send(self)
    }

    /// The value of a metric, named with its labels; none while there is none.
    pub(crate) fn metric<T: FromStr>(&self, name: &str) -> Option<T> {
        let answer = Call::get("/metrics").send(self);
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        answer.text().lines().find_map(value)
    }

    #[track_caller]
    pub(crate) fn read(&self, app: &App, token: &str, path: &str) -> Answer {
        Call::get(path).bearer(token).signed(app).send(self)
    }

    /// The balance, exactly as the server writes it.
    #[track_caller]
    pub(crate) fn balance(&self, app: &App, token: &str) -> String {
        let answer = self.read(app, token, "/api/credits/balance");
        answer.ok();
        answer.number("balance")
    }

    /// Signed JSON to an endpoint without a token.
    #[track_caller]
    pub(crate) fn call(&self, app: &App, method: &str, path: &str, body: &str) -> Answer {
        let call = Call::new(method, path);
        let call = if method == "GET" { call } else { call.body(body) };
        call.signed(app).send(self)
    }
}
