//! What an operation may be refused with: what follows from what it wants (a signature, a token, a body,
//! somebody named), and what its handler names in `x-error-codes`. Bodies are those that the server would write.

use serde_json::{Map, Value, json};

use super::member;
use crate::error::{ApiError, Code, Shape, TABLE};
use crate::extract::oasis::shape;

const CODES: &str = "x-error-codes";

const OF_ALL: [Code; 2] = [Code::RateLimited, Code::Internal];
const OF_SIGNED: [Code; 9] = [
    Code::InvalidJson,
    Code::InvalidField,
    Code::MissingAuthHeaders,
    Code::InvalidApiKey,
    Code::InvalidTimestamp,
    Code::TimestampOutOfWindow,
    Code::InvalidSignature,
    Code::BodyTooLarge,
    Code::Unavailable,
];
const OF_BEARERS: [Code; 5] =
    [Code::MissingToken, Code::TokenExpired, Code::TokenInvalid, Code::UserInactive, Code::UserNotFound];
/// Of those that may change something.
const OF_CHANGES: [Code; 3] = [Code::SignatureReused, Code::ReplayedRequest, Code::StorageFull];
const OF_BODIES: [Code; 3] = [Code::MissingField, Code::UnknownField, Code::UnsupportedMediaType];
const OF_OASIS: [Code; 2] = [Code::ReplayedRequest, Code::StorageFull];
/// Of admin tokens, and of bodies to any of their routes.
const OF_ADMINS: [Code; 6] = [
    Code::MissingToken,
    Code::TokenExpired,
    Code::TokenInvalid,
    Code::ScopeMissing,
    Code::BodyTooLarge,
    Code::Unavailable,
];
const OF_ADMINS_BODIES: [Code; 2] = [Code::InvalidJson, Code::InvalidField];
const OF_QUERIES: [Code; 2] = [Code::UnknownField, Code::InvalidField];

const SHAPES: [Shape; 4] = [Shape::OsayCore, Shape::Oasis, Shape::OasisRegistration, Shape::Ofrep];

/// Adds the responses of all errors that the operation may come to, and the headers of every response.
pub(super) fn describe(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let (codes, shape) = (codes(method, operation), shape(path));
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    operation.insert(CODES.to_owned(), json!(names));
    let Some(responses) = member(operation, "responses") else { return };
    let mut statuses: Vec<u16> = codes.iter().map(|code| code.status().as_u16()).collect();
    statuses.dedup();
    for status in statuses {
        let of_status: Vec<Code> = codes.iter().copied().filter(|code| code.status().as_u16() == status).collect();
        responses.entry(status.to_string()).or_insert_with(|| response(&of_status, shape));
    }
    for (status, response) in responses {
        let Some(response) = response.as_object_mut() else { continue };
        let Some(headers) = member(response, "headers") else { continue };
        let mut has = |name: &str, component: &str| {
            headers.insert(name.to_owned(), json!({"$ref": format!("#/components/headers/{component}")}));
        };
        has("X-Request-Id", "RequestId");
        match status.as_str() {
            "429" | "503" => has("Retry-After", "RetryAfter"),
            "200" if names.contains(&Code::ReplayedRequest.as_str()) => has("Idempotent-Replayed", "Replayed"),
            _ => {}
        }
    }
}

/// In the order of the table, each once.
fn codes(method: &str, operation: &Map<String, Value>) -> Vec<Code> {
    let wants = |scheme: &str| {
        let ways = operation.get("security").and_then(Value::as_array);
        ways.is_some_and(|ways| ways.iter().any(|way| way.get(scheme).is_some()))
    };
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let asks = parameters.is_some_and(|all| all.iter().any(|one| one.get("in") == Some(&json!("query"))));
    let names = parameters.into_iter().flatten().filter_map(|one| one.get("name")?.as_str());
    let of_names: Vec<Code> = names.flat_map(of_name).copied().collect();
    let (signed, oasis, admin) = (wants("signature"), wants("oasis"), wants("admin"));
    let has_body = operation.contains_key("requestBody");
    let own = operation.get(CODES).and_then(Value::as_array).into_iter().flatten();
    let own: Vec<&str> = own.filter_map(Value::as_str).collect();
    let sets: [(bool, &[Code]); 10] = [
        (true, &OF_ALL),
        (signed || oasis, &OF_SIGNED),
        (wants("token"), &OF_BEARERS),
        (signed && method != "get", &OF_CHANGES),
        ((signed || admin) && has_body, &OF_BODIES),
        (oasis, &OF_OASIS),
        ((signed || admin) && asks, &OF_QUERIES),
        (admin, &OF_ADMINS),
        (admin && method != "get", &[Code::StorageFull]),
        (admin && has_body, &OF_ADMINS_BODIES),
    ];
    let may = |code: Code| {
        sets.iter().any(|(holds, codes)| *holds && codes.contains(&code))
            || (admin && of_names.contains(&code))
            || own.contains(&code.as_str())
    };
    TABLE.iter().map(|row| row.0).filter(|code| may(*code)).collect()
}

/// What a parameter of the admin API may come to: it reads as nothing, and nobody or several are named so. Nobody is changed
/// who is deleted.
fn of_name(name: &str) -> &'static [Code] {
    match name {
        "user" => &[Code::InvalidField, Code::UserNotFound, Code::ReferenceConflict],
        "app" => &[Code::NotFound, Code::ReferenceConflict],
        "group" | "session" | "transaction" => &[Code::InvalidField, Code::NotFound],
        "flag" | "provider" => &[Code::InvalidField],
        "If-Match" => &[Code::PreconditionFailed],
        _ => &[],
    }
}

fn response(codes: &[Code], shape: Shape) -> Value {
    let sentences: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.sentence())).collect();
    let description = sentences.join("; ");
    if shape == Shape::Page {
        let content = json!({"schema": {"type": "string"}, "example": "<!doctype html>"});
        return json!({"description": description, "content": {"text/html": content}});
    }
    let mut names: Vec<&str> = codes.iter().map(|code| name(*code, shape)).collect();
    names.sort_unstable();
    names.dedup();
    let reference = |code: &Code| {
        let name = example_name(*code, shape);
        (code.as_str().to_owned(), json!({"$ref": format!("#/components/examples/{name}")}))
    };
    let examples: Map<String, Value> = codes.iter().map(reference).collect();
    let schema = json!({
        "allOf": [{"$ref": format!("#/components/schemas/{}", schema_name(shape))}],
        "properties": {code_member(shape): {"enum": names}}
    });
    json!({"description": description, "content": {"application/json": {"schema": schema, "examples": examples}}})
}

/// A code as this shape writes it.
fn name(code: Code, shape: Shape) -> &'static str {
    if shape == Shape::Ofrep { code.of_ofrep() } else { code.as_str() }
}

fn code_member(shape: Shape) -> &'static str {
    match shape {
        Shape::OsayCore | Shape::Page => "code",
        Shape::Oasis | Shape::OasisRegistration => "Code",
        Shape::Ofrep => "errorCode",
    }
}

fn schema_name(shape: Shape) -> &'static str {
    match shape {
        Shape::OsayCore | Shape::Page => "Error",
        Shape::Oasis => "OasisError",
        Shape::OasisRegistration => "OasisRegistrationError",
        Shape::Ofrep => "FlagError",
    }
}

fn example_name(code: Code, shape: Shape) -> String {
    format!("{}.{}", schema_name(shape), code.as_str())
}

/// The bodies of all errors that the document names, in each shape.
pub(super) fn examples(document: &str) -> Value {
    const ID: &str = "a8295393-9479-4bf2-a1d7-6490482d8a5e";
    let all = SHAPES.into_iter().flat_map(|shape| TABLE.iter().map(move |row| (row.0, shape)));
    let all = all.filter(|(code, shape)| document.contains(&format!("/{}\"", example_name(*code, *shape))));
    let one = |(code, shape): (Code, Shape)| {
        let body: Value = serde_json::from_str(&refusal(code).body(ID, shape)).unwrap_or_default();
        (example_name(code, shape), json!({"summary": code.sentence(), "value": body}))
    };
    all.map(one).collect::<Map<_, _>>().into()
}

/// An error with the members that it comes with.
fn refusal(code: Code) -> ApiError {
    match code {
        Code::MissingField
        | Code::UnknownField
        | Code::InvalidField
        | Code::AmountScale
        | Code::AmountRange
        | Code::ReferenceConflict => ApiError::from(code).member("field", &"amount"),
        Code::PaymentUsed => ApiError::from(code).member("field", &"payment_id"),
        Code::InsufficientCredits | Code::MinimumBalance => {
            ApiError::from(code).member("balance", &4.5).member("required", &10.0).member("shortfall", &5.5)
        }
        Code::InvalidTimestamp | Code::TimestampOutOfWindow | Code::SignatureReused => {
            ApiError::from(code).member("server_time", &1_795_518_847)
        }
        code => code.into(),
    }
}

/// The bodies of errors.
pub(super) fn schemas() -> Map<String, Value> {
    let codes: Vec<&str> = TABLE.iter().map(|row| row.1).collect();
    let mut of_ofrep: Vec<&str> = TABLE.iter().map(|row| row.0.of_ofrep()).collect();
    of_ofrep.sort_unstable();
    of_ofrep.dedup();
    let text = json!({"type": "string"});
    let credits = json!({"$ref": "#/components/schemas/Credits"});
    let oasis = json!({"Message": text, "Code": {"type": "string", "enum": codes}, "RequestId": text});
    let mut registration = oasis.clone();
    if let Some(members) = registration.as_object_mut() {
        members.extend([
            ("UserID".to_owned(), json!({"const": 0})),
            ("UserQRCode".to_owned(), json!({"type": "null"})),
            ("QRData".to_owned(), json!({"type": "null"})),
        ]);
    }
    let object = |required: &[&str], properties: Value| json!({"type": "object", "required": required, "properties": properties});
    let schemas = [
        (
            Shape::OsayCore,
            object(
                &["success", "error", "code", "request_id"],
                json!({
                    "success": {"const": false},
                    "error": {"type": "string", "description": "A sentence for people"},
                    "code": {"type": "string", "enum": codes, "description": "For programs"},
                    "request_id": text,
                    "field": {"type": "string", "description": "The member that is meant; with 400 and 409"},
                    "scope": {"type": "string", "description": "What an admin token lacks; with 403"},
                    "balance": credits, "required": credits,
                    "shortfall": {"type": "number", "minimum": 0, "description": "What is missing; with 402"},
                    "server_time": {"type": "integer", "description": "Unix seconds; with a 401 for time or reuse"}
                }),
            ),
        ),
        (Shape::Oasis, object(&["Message", "Code", "RequestId"], oasis)),
        (
            Shape::OasisRegistration,
            object(&["Message", "Code", "RequestId", "UserID", "UserQRCode", "QRData"], registration),
        ),
        (
            Shape::Ofrep,
            object(
                &["errorCode", "errorDetails"],
                json!({"key": text, "errorCode": {"type": "string", "enum": of_ofrep}, "errorDetails": text}),
            ),
        ),
    ];
    schemas.into_iter().map(|(shape, schema)| (schema_name(shape).to_owned(), schema)).collect()
}
