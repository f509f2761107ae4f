//! The cookies of the console: for this host alone, out of reach of scripts, and of other sites' forms.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{self, SameSite};
use actix_web::{HttpRequest, HttpResponse};

use crate::server::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session: until the browser is closed, or the server ends it.
    Session,
    /// What the form of the sign-in is bound to.
    Form,
    /// What the next page tells.
    Notice,
}

impl Cookie {
    /// The value that the browser brings.
    pub(crate) fn read(self, state: &State, request: &HttpRequest) -> Option<String> {
        request.cookie(&self.name(state)).map(|cookie| cookie.value().to_owned()).filter(|value| !value.is_empty())
    }

    pub(crate) fn set(self, state: &State, response: &mut HttpResponse, value: &str) {
        let lasts = match self {
            Self::Session | Self::Form => None,
            Self::Notice => Some(Duration::minutes(1)),
        };
        self.write(state, response, value, lasts);
    }

    pub(crate) fn clear(self, state: &State, response: &mut HttpResponse) {
        self.write(state, response, "", Some(Duration::ZERO));
    }

    fn write(self, state: &State, response: &mut HttpResponse, value: &str, lasts: Option<Duration>) {
        let mut cookie = cookie::Cookie::build(self.name(state), value.to_owned())
            .path("/")
            .http_only(true)
            .secure(has_tls(state))
            .same_site(SameSite::Lax)
            .finish();
        cookie.set_max_age(lasts);
        // Name and value are plain ASCII.
        let _ = response.add_cookie(&cookie);
    }

    /// With `__Host-` a browser takes it from this host alone, over TLS. Without TLS, in development, there is no `Secure`
    /// to promise.
    fn name(self, state: &State) -> String {
        let name = match self {
            Self::Session => "osaycore_console",
            Self::Form => "osaycore_console_form",
            Self::Notice => "osaycore_console_notice",
        };
        format!("{}{name}", if has_tls(state) { "__Host-" } else { "" })
    }
}

fn has_tls(state: &State) -> bool {
    state.public_url().is_ok_and(|url| url.starts_with("https://"))
}
