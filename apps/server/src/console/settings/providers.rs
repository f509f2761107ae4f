//! Providers that people sign in by: Google, GitHub, any issuer of OpenID Connect. Owners alone see to them.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Path};
use askama::Template;
use osaycore_directory::ProviderName;
use zeroize::Zeroizing;

use super::{Section, Shell, resource};
use crate::admin::providers::{self, NewProvider};
use crate::extract::console::{Filled, Form, Owner, Refused};
use crate::oauth::provider::Kind;
use crate::refusals::FIRST_TENANT;
use crate::store::providers::{ProviderKind, StoredProvider};

const PROVIDERS: &str = "/console/settings/providers";
const KINDS: [(&str, &str); 3] =
    [("google", "Google"), ("github", "GitHub"), ("openid", "Another issuer of OpenID Connect")];

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(resource("/settings/providers", "GET").route(web::get().to(list)))
        .service(
            resource("/settings/providers/new", "GET, POST").route(web::get().to(begin)).route(web::post().to(create)),
        )
        .service(
            resource("/settings/providers/{name}", "GET, POST").route(web::get().to(show)).route(web::post().to(set)),
        )
        .service(resource("/settings/providers/{name}/remove", "POST").route(web::post().to(remove)));
}

struct Row {
    name: String,
    kind: String,
    client_id: String,
}

#[derive(Template)]
#[template(path = "console/settings/providers.html")]
struct ListPage<'a> {
    shell: Shell<'a>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/settings/provider.html")]
struct ProviderPage<'a> {
    shell: Shell<'a>,
    form: &'a Filled,
    kinds: [(&'static str, &'static str); 3],
    /// None: it is made.
    name: Option<&'a str>,
    /// Where the provider sends people back to.
    callback: String,
    /// Whether it may be in a private network: that is for whoever runs the deployment.
    may_be_private: bool,
}

/// `GET /console/settings/providers`
async fn list(owner: Owner) -> Result<HttpResponse, Refused> {
    let rows = all(&owner).await?.into_iter().map(Row::of).collect();
    Ok(owner.show(&ListPage { shell: Shell::new(&owner, Section::Settings, "Sign-in providers"), rows }))
}

/// `GET /console/settings/providers/new`
async fn begin(owner: Owner) -> Result<HttpResponse, Refused> {
    page(&owner, StatusCode::OK, None, &Filled::with([("kind", "google".to_owned())]))
}

/// `POST /console/settings/providers/new`
async fn create(form: Form<Owner>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    let name = filled.parse::<ProviderName>("name");
    if let Some(name) = &name
        && find(&owner, name.as_str()).await?.is_some()
    {
        filled.refuse("name", "there is a provider of this name already");
    }
    if let Some(name) = name {
        if filled.text("client_secret").trim().is_empty() {
            filled.refuse("client_secret", "the secret that came with the id");
        }
        if let Some(response) = save(&owner, name, &mut filled).await? {
            return Ok(response);
        }
    }
    page(&owner, StatusCode::UNPROCESSABLE_ENTITY, None, &filled)
}

/// `GET /console/settings/providers/{name}`
async fn show(owner: Owner, name: Path<String>) -> Result<HttpResponse, Refused> {
    let stored = find(&owner, &name).await?.ok_or(Refused::Missing)?;
    page(&owner, StatusCode::OK, Some(&name), &filled_with(&stored))
}

/// `POST /console/settings/providers/{name}`: the secret stays where none is given.
async fn set(form: Form<Owner>, name: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, mut filled } = form;
    let stored = find(&owner, &name).await?.ok_or(Refused::Missing)?;
    if let Some(response) = save(&owner, stored.name, &mut filled).await? {
        return Ok(response);
    }
    page(&owner, StatusCode::UNPROCESSABLE_ENTITY, Some(&name), &filled)
}

/// `POST /console/settings/providers/{name}/remove`
async fn remove(form: Form<Owner>, name: Path<String>) -> Result<HttpResponse, Refused> {
    let Form { who: owner, filled } = form;
    let stored = find(&owner, &name).await?.ok_or(Refused::Missing)?;
    if !filled.confirms(stored.name.as_str()) {
        let path = format!("{PROVIDERS}/{}", stored.name);
        return Ok(owner.go_with_problem(&path, "That was another name: the provider stays."));
    }
    let removed = stored.name.clone();
    owner.write(move |tx, by| providers::remove(tx, by, &removed)).await?;
    Ok(owner.go(PROVIDERS, &format!("{} is removed. Whoever signed in by it keeps the account.", stored.name)))
}

/// Sets the provider; none: something is wrong, and noted.
async fn save(owner: &Owner, name: ProviderName, filled: &mut Filled) -> Result<Option<HttpResponse>, Refused> {
    let (issuer, private_network) = (filled.text("issuer").trim().to_owned(), filled.is_ticked("private_network"));
    let kind = match filled.text("kind") {
        "openid" => Kind::open_id(&issuer).map_err(|error| ("issuer", error.to_string())),
        preset => Kind::preset(preset).map_err(|error| ("kind", error.to_string())),
    };
    let client_secret = Some(filled.text("client_secret").trim()).filter(|secret| !secret.is_empty());
    let client_secret = client_secret.map(|secret| Zeroizing::new(secret.to_owned()));
    let client_id = filled.text("client_id").trim().to_owned();
    let scopes = filled.text("scopes").split_whitespace().map(str::to_owned).collect();
    if client_id.is_empty() {
        filled.refuse("client_id", "what the provider calls this deployment");
    }
    if let Ok(kind) = &kind
        && let Err(error) = providers::must_be_reachable_for(owner.tenant_id, kind, private_network)
    {
        filled.refuse("issuer", error.to_string());
    }
    let kind = match kind {
        Ok(kind) if !filled.has_problems() => kind,
        Ok(_) => return Ok(None),
        Err((field, problem)) => {
            filled.refuse(field, problem);
            return Ok(None);
        }
    };
    let new = NewProvider { name, kind, client_id, client_secret, scopes, private_network };
    let set = owner.write_sealed(move |tx, by, sealer| providers::set(tx, sealer, by, &new));
    match set.await {
        Ok(stored) => Ok(Some(owner.go(PROVIDERS, &format!("{} is set.", stored.name)))),
        Err(error) => {
            filled.refused_by(error)?;
            Ok(None)
        }
    }
}

async fn all(owner: &Owner) -> Result<Vec<StoredProvider>, Refused> {
    Ok(owner.write_sealed(providers::list_for).await?)
}

async fn find(owner: &Owner, name: &str) -> Result<Option<StoredProvider>, Refused> {
    Ok(all(owner).await?.into_iter().find(|provider| provider.name.as_str() == name))
}

fn page(owner: &Owner, status: StatusCode, name: Option<&str>, form: &Filled) -> Result<HttpResponse, Refused> {
    let base = owner.state.public_url()?.trim_end_matches('/');
    let page = ProviderPage {
        shell: Shell::new(owner, Section::Settings, name.unwrap_or("New sign-in provider")),
        form,
        kinds: KINDS,
        name,
        callback: format!("{base}/api/auth/oauth/callback/{}", name.unwrap_or("NAME")),
        may_be_private: owner.tenant_id == FIRST_TENANT,
    };
    Ok(owner.page(status, &page))
}

/// The form of a provider: all but the secret.
fn filled_with(stored: &StoredProvider) -> Filled {
    let (kind, issuer) = match &stored.kind {
        ProviderKind::GitHub => ("github", String::new()),
        ProviderKind::OpenId { issuer } => ("openid", issuer.clone()),
    };
    let private = stored.private_network.then(|| ("private_network", "yes".to_owned()));
    let fields = [
        ("kind", kind.to_owned()),
        ("issuer", issuer),
        ("client_id", stored.client_id.clone()),
        ("scopes", stored.scopes.clone()),
    ];
    Filled::with(fields.into_iter().chain(private))
}

impl Row {
    fn of(provider: StoredProvider) -> Self {
        let kind = match provider.kind {
            ProviderKind::GitHub => "GitHub".to_owned(),
            ProviderKind::OpenId { issuer } => issuer,
        };
        Self { name: provider.name.into(), kind, client_id: provider.client_id }
    }
}
