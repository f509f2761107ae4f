//! `GET /docs`: the document as a page, with a form for every operation that signs and sends in the browser.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use askama::Template;
use serde_json::Value;

use super::{ABOUT, DOCUMENT, TAGS};
use crate::pages;

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage<'a> {
    version: &'a str,
    about: Vec<Prose<'a>>,
    sections: &'a [Section],
}

struct Section {
    name: &'static str,
    id: String,
    about: &'static str,
    operations: Vec<Operation>,
}

struct Operation {
    id: &'static str,
    method: String,
    path: &'static str,
    summary: &'static str,
    description: Prose<'static>,
    /// What it is signed with: `osaycore`, `oasis`, or nothing.
    signature: &'static str,
    /// A user token goes with it, an admin token does, an evaluation key may.
    token: &'static str,
    /// Of the admin token: the scope that it needs.
    scope: &'static str,
    parameters: Vec<Parameter>,
    body: Option<Body>,
    responses: Vec<Response>,
}

struct Parameter {
    name: &'static str,
    place: &'static str,
    required: bool,
    description: Prose<'static>,
    example: String,
}

struct Body {
    kind: &'static str,
    example: String,
}

struct Response {
    status: &'static str,
    description: Prose<'static>,
    /// name, text
    examples: Vec<(&'static str, String)>,
}

/// A line of text in which some words are code: whether, text.
struct Prose<'a>(Vec<(bool, &'a str)>);

static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(sections);

/// `GET /docs`: every call, with its answers and a form to try it by.
#[utoipa::path(
    get, path = "/docs", operation_id = "docs", tag = "Pages",
    responses((status = 200, description = "A page", body = String, content_type = "text/html", example = "<!doctype html>"))
)]
pub(super) async fn docs() -> HttpResponse {
    let about = ABOUT.split("\n\n").map(prose).collect();
    let page = DocsPage { version: env!("CARGO_PKG_VERSION"), about, sections: &SECTIONS };
    pages::asking_page(StatusCode::OK, &page)
}

fn sections() -> Vec<Section> {
    let section = |(name, about): (&'static str, &'static str)| {
        let id = name.to_lowercase().replace([' ', ':'], "-").replace("--", "-");
        Section { name, id, about, operations: operations(name) }
    };
    TAGS.map(section).into()
}

/// Those of a tag; HEAD says nothing that GET does not.
fn operations(tag: &str) -> Vec<Operation> {
    let paths = DOCUMENT.get("paths").and_then(Value::as_object).into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.filter(|(_, method, operation)| {
        *method != "head" && list(operation, "tags").any(|known| known.as_str() == Some(tag))
    })
    .map(|(path, method, operation)| of(path, method, operation))
    .collect()
}

fn of(path: &'static str, method: &str, operation: &'static Value) -> Operation {
    let asks = |scheme: &str| list(operation, "security").any(|way| way.get(scheme).is_some());
    let signature = match (asks("apiKey"), asks("oasisAppId")) {
        (true, _) => "osaycore",
        (_, true) => "oasis",
        _ => "",
    };
    let scope = list(operation, "security").find_map(|way| way.pointer("/admin/0")?.as_str()).unwrap_or_default();
    let token = match (asks("token"), asks("evaluationKey"), asks("admin")) {
        (true, ..) => "token",
        (_, true, _) => "evaluation",
        (.., true) => "admin",
        _ => "",
    };
    let body = operation.pointer("/requestBody/content").and_then(Value::as_object);
    let body = body.and_then(|content| content.iter().next()).map(|(kind, media)| Body {
        kind,
        example: examples(media).first().map(|(_, text)| text.clone()).unwrap_or_default(),
    });
    let responses = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
    Operation {
        id: text(operation, "operationId"),
        method: method.to_uppercase(),
        path,
        summary: text(operation, "summary"),
        description: prose(text(operation, "description")),
        signature,
        token,
        scope,
        parameters: list(operation, "parameters").map(parameter).collect(),
        body,
        responses: responses.map(|(status, response)| answer(status, response)).collect(),
    }
}

fn parameter(parameter: &'static Value) -> Parameter {
    let example = parameter.get("example").or_else(|| parameter.get("schema").and_then(example_of));
    let own = text(parameter, "description");
    let of_schema = parameter.get("schema").map(|schema| text(resolved(schema), "description")).unwrap_or_default();
    Parameter {
        name: text(parameter, "name"),
        place: text(parameter, "in"),
        required: parameter.get("required") == Some(&Value::Bool(true)),
        description: prose(if own.is_empty() { of_schema } else { own }),
        example: example.map(shown).unwrap_or_default(),
    }
}

fn answer(status: &'static str, response: &'static Value) -> Response {
    let response = resolved(response);
    let media = response.get("content").and_then(Value::as_object).and_then(|content| content.values().next());
    Response {
        status,
        description: prose(text(response, "description")),
        examples: media.map(examples).unwrap_or_default(),
    }
}

/// The examples of a media type: its own, else its schema's.
fn examples(media: &'static Value) -> Vec<(&'static str, String)> {
    if let Some(examples) = media.get("examples").and_then(Value::as_object) {
        let known = |(name, example): (&'static String, &'static Value)| {
            let value = resolved(example).get("value")?;
            Some((name.as_str(), shown(value)))
        };
        return examples.iter().filter_map(known).collect();
    }
    let example = media.get("example").or_else(|| media.get("schema").and_then(example_of));
    example.map(|example| ("", shown(example))).into_iter().collect()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned)
}

/// The first example of a schema, or of what it refers to.
fn example_of(schema: &'static Value) -> Option<&'static Value> {
    let of_others = || list(schema, "oneOf").find_map(example_of);
    resolved(schema).get("examples").and_then(|examples| examples.get(0)).or_else(of_others)
}

fn resolved(value: &'static Value) -> &'static Value {
    let target = value.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|target| DOCUMENT.pointer(target)).unwrap_or(value)
}

fn list(of: &'static Value, name: &str) -> impl Iterator<Item = &'static Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text(of: &'static Value, name: &str) -> &'static str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn prose(text: &str) -> Prose<'_> {
    Prose(text.split('`').enumerate().map(|(position, part)| (position % 2 == 1, part)).collect())
}
