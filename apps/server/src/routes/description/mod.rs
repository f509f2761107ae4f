//! The API described, and tried out: `GET /api/openapi.json`, and pages made of it under `/docs`.
//!
//! What an operation is stands at its handler. Here it is put together, and gets what follows from that: headers, errors.

mod errors;
mod page;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use actix_web::web;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApiBuilder, Paths};

use crate::routes::{
    admin, context, credits, enroll, health, oasis, oauth, ofrep, payments, resource, sessions, tokens, users,
};
use crate::schemas;

pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(resource("/openapi.json", "GET").route(web::get().to(openapi)));
}

/// Outside of `/api`.
pub(crate) fn configure_pages(config: &mut web::ServiceConfig) {
    config.service(resource("/docs", "GET").route(web::get().to(page::docs)));
}

#[derive(OpenApi)]
#[openapi(paths(openapi, page::docs))]
struct Api;

/// What is asked for under these names, in the order of the pages.
const TAGS: [(&str, &str); 16] = [
    ("Credits", "Charges, additions and the history of a user's wallet."),
    ("Tokens", "User tokens and sessions."),
    ("Users", "Users as an app manages them, and what an app needs to know of one."),
    ("Payments", "Money that an app took, each of which credits once."),
    ("Sign-in", "By Google, GitHub or another provider."),
    ("One-time passcodes", "A second factor for other applications, as the vendor's library asks for it (OASIS)."),
    ("OpenFeature", "Flags for any OpenFeature client, by its Remote Evaluation Protocol 0.3.0."),
    ("Admin: apps", "Apps, their settings, secrets and evaluation keys."),
    ("Admin: users", "Users, what they may do, where they are signed in, and their second factors."),
    ("Admin: groups", "Groups, who is in them, and which apps they open."),
    ("Admin: credits", "Wallets, transactions and payments of all users."),
    ("Admin: flags", "Flags as files, their versions, and why somebody has one."),
    ("Admin: audit", "Who did what."),
    ("Admin: settings", "The tenant, providers of logins, and the keys that sign user tokens."),
    ("Pages", "What people see."),
    ("Watching", "Public, and never signed: keep them from the outside at your proxy."),
];

const ABOUT: &str = "Users, credits, feature flags and second factors for your apps.\n\n\
    A signed request carries `X-OSAYCORE-API-KEY`, `X-OSAYCORE-TIMESTAMP` (Unix seconds) and `X-OSAYCORE-SIGNATURE`: the \
    hexadecimal HMAC-SHA256 of `{timestamp}.{body}` under the app's secret key, over the raw bytes of the body; without a body \
    of `{timestamp}.`. A signature is good for one request; the same request again is told the same outcome.\n\n\
    The admin API, below `/api/admin/v1`, is for operators' scripts: a token as `Authorization: Bearer oat_…`, made by \
    `osaycore admin-token create`, and nothing to sign. Each call needs one scope of the token.";

/// The document, the same bytes for the same program.
static DOCUMENT: LazyLock<Value> = LazyLock::new(document);
static TEXT: LazyLock<String> = LazyLock::new(text);

/// The document as the server sends it, `docs/openapi.json` holds it, and `osaycore openapi` prints it.
pub(crate) fn text() -> String {
    format!("{:#}\n", *DOCUMENT)
}

/// `GET /api/openapi.json`: this document.
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "openapi", tag = "Pages",
    responses((status = 200, description = "OpenAPI 3.1", body = schemas::FlagValue, example = json!({"openapi": "3.1.0"})))
)]
async fn openapi() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "max-age=300"))
        // For viewers on other pages: it is public, and goes by no cookie.
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .content_type("application/json")
        .body(TEXT.as_str())
}

fn document() -> Value {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let info = InfoBuilder::new()
        .title("OsayCore")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .license(Some(license))
        .build();
    let mut api = OpenApiBuilder::new().info(info).paths(Paths::new()).build();
    let parts = [
        context::Api::openapi(),
        credits::Api::openapi(),
        enroll::Api::openapi(),
        health::Api::openapi(),
        oasis::Api::openapi(),
        oauth::Api::openapi(),
        ofrep::Api::openapi(),
        payments::Api::openapi(),
        sessions::Api::openapi(),
        tokens::Api::openapi(),
        users::Api::openapi(),
        super::assets::Api::openapi(),
        Api::openapi(),
    ];
    for part in parts.into_iter().chain(admin::described()) {
        api.merge(part);
    }
    let mut document = serde_json::to_value(api).unwrap_or_default();
    complete(&mut document);
    document
}

/// What no handler says of itself.
fn complete(document: &mut Value) {
    let Some(document) = document.as_object_mut() else { return };
    document.insert("servers".to_owned(), json!([{"url": "/"}]));
    let tags = TAGS.map(|(name, description)| json!({"name": name, "description": description}));
    document.insert("tags".to_owned(), json!(tags));
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, operations) in &mut *paths {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            let Some(operation) = operation.as_object_mut() else { continue };
            title(operation);
            never_null(operation);
            errors::describe(path, method, operation);
            secure(operation);
            if method == "head" {
                without_bodies(operation);
            }
        }
    }
    let text = Value::from(paths.clone()).to_string();
    let shared = share_responses(paths);
    let Some(components) = member(document, "components") else { return };
    components.insert("responses".to_owned(), shared.into());
    components.insert("securitySchemes".to_owned(), security_schemes());
    components.insert("headers".to_owned(), headers());
    components.insert("examples".to_owned(), errors::examples(&text));
    let Some(schemas) = member(components, "schemas") else { return };
    schemas.extend(schemas::all());
    schemas.extend(errors::schemas());
    describe_lists(schemas);
    for (name, constraint) in schemas::constraints() {
        if let (Some(schema), Value::Object(constraint)) = (member(schemas, name), constraint) {
            schema.extend(constraint);
        }
    }
}

/// A list says by name what it lists, and has the example of that.
fn describe_lists(schemas: &mut Map<String, Value>) {
    let lists: Vec<String> = schemas.keys().filter(|name| name.starts_with("List_")).cloned().collect();
    for name in lists {
        let Some(list) = schemas.get_mut(&name) else { continue };
        let of = name.trim_start_matches("List_");
        let reference = json!({"$ref": format!("#/components/schemas/{of}")});
        let Some(items) = list.pointer_mut("/properties/items/items") else { continue };
        let inline = std::mem::replace(items, reference);
        let item = schemas.entry(of).or_insert(inline);
        let Some(example) = item.pointer("/examples/0").cloned() else { continue };
        if let Some(list) = member(schemas, &name) {
            list.insert("examples".to_owned(), json!([{"items": [example], "next_cursor": null}]));
        }
    }
}

/// The object that is a member of another, empty where there was none; none where something else is.
fn member<'m>(of: &'m mut Map<String, Value>, name: &str) -> Option<&'m mut Map<String, Value>> {
    of.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// The comment of a handler begins with what it answers, which the document says elsewhere: "`GET /path`: what it does."
fn title(operation: &mut Map<String, Value>) {
    let Some(summary) = operation.get("summary").and_then(Value::as_str) else { return };
    let rest = summary.split_once("`: ").map_or(summary, |(_, rest)| rest);
    let mut letters = rest.chars();
    let summary: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    operation.insert("summary".to_owned(), summary.into());
}

/// A parameter is left out, and not null.
fn never_null(operation: &mut Map<String, Value>) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for schema in parameters.into_iter().flatten().filter_map(|parameter| parameter.get_mut("schema")) {
        let Some(Value::Array(choices)) = schema.get("oneOf") else { continue };
        if let [only, null] = choices.as_slice()
            && null.get("type") == Some(&json!("null"))
        {
            *schema = only.clone();
        }
    }
}

/// Puts responses that several operations have in one place; → name → response.
fn share_responses(paths: &mut Map<String, Value>) -> Map<String, Value> {
    let operations = paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let responses = operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    let mut places: BTreeMap<String, Vec<&mut Value>> = BTreeMap::new();
    for (status, response) in responses.flatten() {
        places.entry(format!("{status} {response}")).or_default().push(response);
    }
    let mut shared = Map::new();
    for (key, places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        let status = key.split(' ').next().unwrap_or_default();
        let before = shared.keys().filter(|name| name.split('.').next() == Some(status)).count();
        let name = format!("{status}.{}", before.saturating_add(1));
        for place in places {
            let response = std::mem::replace(place, json!({"$ref": format!("#/components/responses/{name}")}));
            shared.insert(name.clone(), response);
        }
    }
    shared
}

/// Names of signatures → the headers that they are made of.
fn secure(operation: &mut Map<String, Value>) {
    let Some(ways) = operation.get_mut("security").and_then(Value::as_array_mut) else { return };
    for way in ways.iter_mut().filter_map(Value::as_object_mut) {
        for (signature, headers) in SIGNATURES {
            if way.remove(signature).is_some() {
                way.extend(headers.map(|header| (header.to_owned(), json!([]))));
            }
        }
    }
}

const SIGNATURES: [(&str, [&str; 3]); 2] =
    [("signature", ["apiKey", "timestamp", "signatureOfBody"]), ("oasis", ["oasisAppId", "oasisEpoch", "oasisSecret"])];

/// An answer to HEAD has the headers alone.
fn without_bodies(operation: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let id = format!("{id}Head");
    operation.insert("operationId".to_owned(), id.into());
    let responses = member(operation, "responses").into_iter().flatten();
    for response in responses.filter_map(|(_, response)| response.as_object_mut()) {
        response.remove("content");
    }
}

fn security_schemes() -> Value {
    let header = |name: &str, description: &str| json!({"type": "apiKey", "in": "header", "name": name, "description": description});
    let bearer = |description: &str| json!({"type": "http", "scheme": "bearer", "description": description});
    json!({
        "apiKey": header("X-OSAYCORE-API-KEY", "The app's API key"),
        "timestamp": header("X-OSAYCORE-TIMESTAMP", "Unix seconds in digits, at most 300 off to either side"),
        "signatureOfBody": header(
            "X-OSAYCORE-SIGNATURE",
            "Hexadecimal HMAC-SHA256 of `{timestamp}.{body}` under the app's secret key"
        ),
        "token": bearer("A user token, as generate-user-jwt makes it"),
        "oasisAppId": header("X-OASIS-APPID", "The app's number"),
        "oasisEpoch": header("X-OASIS-EPOCH", "Unix seconds, at most 300 off to either side"),
        "oasisSecret": header(
            "X-OASIS-REQSECRET",
            "Base64 HMAC-SHA256 of `{app id}:{epoch}:{application key}:{content}` under the tenant's API key; `{content}` is \
             the raw body of a POST, and nothing for GET and DELETE"
        ),
        "admin": bearer("An admin token, `oat_…`; the names beside it are the scopes that it needs"),
        "evaluationKey": bearer("An evaluation key of the app"),
        "evaluationKeyHeader": header("X-API-Key", "An evaluation key of the app")
    })
}

fn headers() -> Value {
    json!({
        "RequestId": {
            "description": "The request's own `X-Request-Id` if it is `[A-Za-z0-9._-]{1,128}`, else a new one",
            "required": true, "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"}
        },
        "RetryAfter": {"description": "Seconds", "schema": {"type": "integer", "minimum": 0}},
        "Replayed": {
            "description": "The answer is the outcome of an earlier, equal request",
            "schema": {"type": "string", "enum": ["true"]}
        }
    })
}
