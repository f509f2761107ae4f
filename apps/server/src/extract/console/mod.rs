//! Who uses the console: what a page or a form asks for in its signature.
//!
//! [`Person`] is somebody who is signed in and may look; [`Editor`] may change things; [`Owner`] may do everything. A POST
//! takes a [`Form`] of one of them, which no other site can send.

mod cookies;
mod filled;
mod form;
mod refused;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, USER_AGENT};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use askama::Template;
use futures_util::future::LocalBoxFuture;
use osaycore_audit::Actor;
use osaycore_directory::Name;

use crate::admin::By;
use crate::admin::admin_sign_in::{self, Browser, Standing};
use crate::error::{ApiError, Code, Failure};
use crate::extract::request_id::Origin;
use crate::group_commit::{Job, Repeat, telling};
use crate::pages;
use crate::sealing::Sealer;
use crate::server::State;
use crate::store::admin_sessions::AdminSession;
use crate::store::admins::{Admin, Role};
use crate::store::tenants;
use crate::store::tx::Tx;
use crate::system;

pub(crate) use cookies::Cookie;
pub(crate) use filled::Filled;
use form::Again;
pub(crate) use form::Form;
pub(crate) use refused::{Look, Refused, fence};

/// Where somebody lands who asked for nothing else.
pub(crate) const HOME: &str = "/console";
pub(crate) const SIGN_IN: &str = "/console/sign-in";

const NO_LONGER: &str = "You were signed out, or given another role, while this was under way. Nothing was changed.";

/// Somebody whom a form can be for.
pub(crate) trait Who: Sized + 'static {
    /// Of a form that is sent, in bytes.
    const FORM_LIMIT: usize = 64 * 1024;

    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>>;

    /// What every form has in it: bound to a cookie, so that no other site knows it.
    fn form_token(&self) -> &str;
}

/// Somebody who is signed in, with whatever role.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) tenant_id: i64,
    pub(crate) tenant: Name,
    pub(crate) admin: Admin,
    pub(crate) session: AdminSession,
    pub(crate) state: Data<State>,
    pub(crate) origin: Origin,
    form_token: String,
    /// What the page before has to say.
    notice: Option<Notice>,
}

/// What is told on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) text: String,
    pub(crate) is_problem: bool,
}

/// Somebody who may change what the apps work with: an admin or an owner.
#[derive(Clone)]
pub(crate) struct Editor(Person);

/// Somebody who may do everything.
#[derive(Clone)]
pub(crate) struct Owner(Person);

/// Somebody whose password was right, and who still owes the second factor.
pub(crate) struct Halfway(Person);

/// Anybody. The form of the sign-in has a cookie of its own, so that no other site signs a browser in as somebody else.
pub(crate) struct Visitor {
    pub(crate) state: Data<State>,
    pub(crate) origin: Origin,
    /// The cookie, new or not.
    secret: String,
    is_new: bool,
    form_token: String,
    pub(crate) browser: Browser,
}

impl Person {
    pub(crate) fn may(&self, role: Role) -> bool {
        self.admin.role >= role
    }

    /// For templates: whether the controls that change something are there.
    pub(crate) fn edits(&self) -> bool {
        self.may(Role::Admin)
    }

    /// For templates: whether what only owners do is there.
    pub(crate) fn owns(&self) -> bool {
        self.may(Role::Owner)
    }

    pub(crate) fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// For templates: what every form has in it.
    pub(crate) fn token(&self) -> &str {
        &self.form_token
    }

    /// Reads the tenant's rows in one consistent snapshot.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.state.read_aside(self.tenant_id, work).await
    }

    /// Works in a write transaction of the tenant; `By` is this person. It may run again from the start.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        let by =
            By { actor: Actor::Operator(self.admin.email.as_str().to_owned()), ..by(&self.origin, self.tenant_id) };
        let (token_hash, halfway, role) = (self.session.token_hash, self.session.halfway, self.admin.role);
        run(&self.state, by, move |tx, by| {
            // A body takes its time to arrive, and a password to be checked: who asked may be nobody by now.
            let standing = admin_sign_in::standing(tx, &token_hash, by.now_us)?;
            let is_same = |now: &Standing| now.session.halfway == halfway && now.admin.role == role;
            if !standing.as_ref().is_some_and(is_same) {
                return Err(ApiError::from(Code::NotPermitted).detail(NO_LONGER).into());
            }
            work(tx, by)
        })
        .await
    }

    /// The same with the key that secrets are sealed under.
    pub(crate) async fn write_sealed<T: Send + 'static>(
        &self,
        mut work: impl FnMut(&mut Tx<'_>, &By, &Sealer) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        let snapshots = std::sync::Arc::clone(&self.state.snapshots);
        self.write(move |tx, by| snapshots.with_sealer(tx, |tx, sealer| work(tx, by, sealer))).await
    }

    /// A page; what was to be told is told with it.
    pub(crate) fn page(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        let mut response = pages::page(status, page);
        if self.notice.is_some() {
            Cookie::Notice.clear(&self.state, &mut response);
        }
        response
    }

    /// The usual page.
    pub(crate) fn show(&self, page: &impl Template) -> HttpResponse {
        self.page(StatusCode::OK, page)
    }

    /// The page of a form once more, with what is wrong beside the fields.
    pub(crate) fn refuse(&self, page: &impl Template) -> HttpResponse {
        self.page(StatusCode::UNPROCESSABLE_ENTITY, page)
    }

    /// After a change: to a page, which says so.
    pub(crate) fn go(&self, path: &str, text: &str) -> HttpResponse {
        self.send(path, text, false)
    }

    /// To a page that says what went wrong.
    pub(crate) fn go_with_problem(&self, path: &str, text: &str) -> HttpResponse {
        self.send(path, text, true)
    }

    fn send(&self, path: &str, text: &str, is_problem: bool) -> HttpResponse {
        let mut response = see_other(path);
        let notice = Notice { text: text.to_owned(), is_problem };
        Cookie::Notice.set(&self.state, &mut response, &notice.to_cookie());
        response
    }

    /// The same person under another cookie, whose forms are others.
    pub(crate) fn with_cookie(&self, cookie: &str) -> Self {
        Self { form_token: form::token_of(cookie), ..self.clone() }
    }

    /// Where the person signs in anew after what makes the old cookie void.
    pub(crate) fn browser(&self) -> Browser {
        Browser { agent: self.session.agent.clone(), before: Some(self.session.token_hash) }
    }
}

impl Halfway {
    pub(crate) fn person(&self) -> &Person {
        &self.0
    }
}

impl Visitor {
    pub(crate) fn token(&self) -> &str {
        &self.form_token
    }

    /// A page with a form, and the cookie that it needs.
    pub(crate) fn page(&self, status: StatusCode, page: &impl Template) -> HttpResponse {
        let mut response = pages::page(status, page);
        if self.is_new {
            Cookie::Form.set(&self.state, &mut response, &self.secret);
        }
        response
    }

    /// Works in a write transaction of a tenant, as nobody yet.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        tenant_id: i64,
        work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, ApiError> {
        run(&self.state, by(&self.origin, tenant_id), work).await
    }
}

impl std::ops::Deref for Editor {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.0
    }
}

impl std::ops::Deref for Owner {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.0
    }
}

impl Notice {
    fn to_cookie(&self) -> String {
        let kind = if self.is_problem { '!' } else { '.' };
        let text: String = self.text.chars().take(400).collect();
        format!("{kind}{}", percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC))
    }

    fn of_cookie(value: &str) -> Option<Self> {
        let text = percent_encoding::percent_decode_str(value.get(1..)?).decode_utf8().ok()?.into_owned();
        Some(Self { text, is_problem: value.starts_with('!') })
    }
}

/// After a POST: to a page.
pub(crate) fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

/// Where somebody goes after signing in: within the console, whatever was asked for.
pub(crate) fn safe_next(next: &str) -> &str {
    let rest = next.strip_prefix(HOME);
    let is_within = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_within && is_plain && !next.starts_with(SIGN_IN) { next } else { HOME }
}

fn by(origin: &Origin, tenant_id: i64) -> By {
    By {
        address: origin.address.map(|address| address.to_string()),
        request_id: Some(origin.request_id.to_string()),
        ..By::system(tenant_id, system::now_us())
    }
}

async fn run<T: Send + 'static>(
    state: &State,
    by: By,
    mut work: impl FnMut(&mut Tx<'_>, &By) -> Result<T, Failure> + Send + 'static,
) -> Result<T, ApiError> {
    let (work, told) = telling(move |tx, by| Ok((b"", work(tx, by)?)));
    state.writer.run(Job { tenant_id: by.tenant_id, sight: None, repeat: Repeat::Told, by, work }).await?;
    told.take()
}

/// The session of the request's cookie, full or halfway; none: there is none, or it has ended.
async fn of_cookie(request: &HttpRequest) -> Result<Option<Person>, Refused> {
    let (state, origin) = surroundings(request)?;
    let Some(token) = Cookie::Session.read(&state, request) else { return Ok(None) };
    let Some((tenant_id, token_hash)) = admin_sign_in::read_token(&token) else { return Ok(None) };
    let look = move |tx: &mut Tx<'_>| {
        let Some(standing) = admin_sign_in::standing(tx, &token_hash, system::now_us())? else { return Ok(None) };
        Ok(tenants::by_id(tx.connection(), tenant_id)?.map(|tenant| (standing, tenant.name)))
    };
    let found = state.read(tenant_id, look).await.map_err(Refused::Fault)?;
    let Some((Standing { session, admin }, tenant)) = found else { return Ok(None) };
    let notice = Cookie::Notice.read(&state, request).and_then(|value| Notice::of_cookie(&value));
    let form_token = form::token_of(&token);
    let person = Person { tenant_id, tenant, admin, session, state, origin, form_token, notice };
    if admin_sign_in::is_stale(&person.session, system::now_us()) {
        let used = person.clone();
        // Nobody waits for it, and one that fails is made up for by the next.
        actix_web::rt::spawn(async move {
            let session = used.session.clone();
            let _ = used.write(move |tx, by| admin_sign_in::touch(tx, by, &session)).await;
        });
    }
    Ok(Some(person))
}

fn surroundings(request: &HttpRequest) -> Result<(Data<State>, Origin), Refused> {
    let state = request.app_data::<Data<State>>().cloned().ok_or(Refused::Fault(Code::Internal.into()))?;
    let origin = request.extensions().get::<Origin>().cloned().ok_or(Refused::Fault(Code::Internal.into()))?;
    Ok((state, origin))
}

/// The person of a role, at least.
async fn with_role(request: HttpRequest, role: Role) -> Result<Person, Refused> {
    match of_cookie(&request).await? {
        Some(person) if person.session.halfway => Err(Refused::SecondFactor),
        Some(person) if person.may(role) => Ok(person),
        Some(person) => Err(Refused::NotAllowed { has: person.admin.role, needs: role }),
        None => Err(Refused::SignIn { next: (request.method() == "GET").then(|| request.uri().to_string()) }),
    }
}

impl Who for Person {
    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>> {
        Box::pin(with_role(request, Role::Viewer))
    }

    fn form_token(&self) -> &str {
        &self.form_token
    }
}

impl Who for Editor {
    /// A set of flags as large as the API takes, as browsers encode forms.
    const FORM_LIMIT: usize = 4 * 1024 * 1024;

    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>> {
        Box::pin(async { with_role(request, Role::Admin).await.map(Self) })
    }

    fn form_token(&self) -> &str {
        &self.0.form_token
    }
}

impl Who for Owner {
    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>> {
        Box::pin(async { with_role(request, Role::Owner).await.map(Self) })
    }

    fn form_token(&self) -> &str {
        &self.0.form_token
    }
}

impl Who for Halfway {
    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>> {
        Box::pin(async move {
            let person = of_cookie(&request).await?.filter(|person| person.session.halfway);
            person.map(Self).ok_or(Refused::SignIn { next: None })
        })
    }

    fn form_token(&self) -> &str {
        &self.0.form_token
    }
}

impl Who for Visitor {
    fn identify(request: HttpRequest) -> LocalBoxFuture<'static, Result<Self, Refused>> {
        Box::pin(async move {
            let (state, origin) = surroundings(&request)?;
            let known = Cookie::Form.read(&state, &request);
            let is_new = known.is_none();
            let secret = known.unwrap_or_else(|| hex::encode(system::random::<32>()));
            let agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let before = Cookie::Session.read(&state, &request).and_then(|token| admin_sign_in::read_token(&token));
            let browser = Browser { agent, before: before.map(|(_, hash)| hash) };
            let form_token = form::token_of(&secret);
            Ok(Self { state, origin, secret, is_new, form_token, browser })
        })
    }

    fn form_token(&self) -> &str {
        &self.form_token
    }
}

/// What is identified can be asked for by a page.
macro_rules! extracted {
    ($($who:ty),+) => { $(
        impl FromRequest for $who {
            type Error = Refused;
            type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                Self::identify(request.clone())
            }
        }
    )+ };
}

extracted!(Person, Editor, Owner, Halfway, Visitor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_never_leaves_the_console() {
        for good in ["/console", "/console?range=7d", "/console/apps/1001", "/console/users?after=7"] {
            assert_eq!(safe_next(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/console",
            "/console.evil.example",
            "/consoles",
            "/console@evil.example",
            "/console/\\evil.example",
            "/console/\r\nSet-Cookie: a=b",
            "/console/sign-in?next=/console",
            "\\console",
            "javascript:alert(1)",
        ] {
            assert_eq!(safe_next(bad), HOME, "{bad:?}");
        }
    }

    #[test]
    fn a_notice_is_read_as_it_was_written() {
        for (text, is_problem) in [("App “Shop” was made; 100 % done\r\n", false), ("", true)] {
            let notice = Notice { text: text.to_owned(), is_problem };
            let cookie = notice.to_cookie();
            assert!(cookie.bytes().all(|byte| byte.is_ascii_graphic() && !b";,\"\\".contains(&byte)), "{cookie}");
            assert_eq!(Notice::of_cookie(&cookie), Some(notice));
        }
        assert_eq!(Notice::of_cookie(""), None);
        assert_eq!(Notice::of_cookie("é"), None);
    }
}
