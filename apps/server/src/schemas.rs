//! The schemas of values whose types are the domain crates' or serde's own, as JSON Schema 2020-12; and what a member
//! cannot say of itself.
//!
//! A type here is a name for `#[schema(value_type = …)]`; the document gets its schema from [`all`].

use osaycore_ledger::{AddKind as Adding, EntryKind as Entry, PaymentStatus as Paying};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::extract::Text;

/// No U+0000: one of the databases has no place for it.
const NO_NUL: &str = r"^[^\u0000]*$";
/// What names are made of.
const NAME: &str = r"^[^:\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]*$";
/// An address as HTML's `<input type=email>` takes it.
const EMAIL: &str = "^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@\
                     [A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$";
/// No control character.
const PRINTED: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

impl<const MIN: usize, const MAX: usize> PartialSchema for Text<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX)).pattern(Some(NO_NUL));
        text.min_length((MIN > 0).then_some(MIN)).into()
    }
}

impl<const MIN: usize, const MAX: usize> ToSchema for Text<MIN, MAX> {}

/// Names, and the schemas that the document has by them.
macro_rules! shared {
    ($($name:ident: $schema:expr;)+) => {
        $(
            pub(crate) struct $name;

            impl PartialSchema for $name {
                /// In the place of the one that `shared` has.
                fn schema() -> RefOr<Schema> {
                    Object::new().into()
                }
            }

            impl ToSchema for $name {}
        )+

        /// Name → schema.
        pub(crate) fn shared() -> [(&'static str, Value); [$(stringify!($name)),+].len()] {
            [$((stringify!($name), $schema)),+]
        }
    };
}

pub(crate) mod admin;
pub(crate) mod flags;

/// Name → schema, of all files.
pub(crate) fn all() -> impl Iterator<Item = (String, Value)> {
    let all = shared().into_iter().chain(admin::shared()).chain(flags::shared());
    let all = all.chain(flags::parts_of_files()).chain(flags::parts_of_answers());
    all.map(|(name, schema)| (name.to_owned(), schema))
}

shared! {
    // What is sent.
    Amount: json!({
        "description": "More than 0, at most 10^12, at most six decimals of the value: a number, which is read digit by \
                        digit and never as a float, or a string of digits with at most one point.",
        "oneOf": [
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000_000_u64, "multipleOf": 0.000_001},
            {"type": "string", "pattern": r"^0*(1000000000000(\.0*)?|[1-9][0-9]{0,11}(\.[0-9]{0,6}0*)?|\.[0-9]{0,5}[1-9]0*)$"}
        ],
        "examples": [10.5]
    });
    UserId: json!({
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": NO_NUL, "examples": ["user-1"],
        "description": "A user: the UUID, or your own id of theirs."
    });
    Username: json!({
        "type": "string", "minLength": 1, "maxLength": 256, "pattern": NAME, "examples": ["carol"],
        "not": {"pattern": r"^([0-9]+|\s+)$"},
        "description": "Without ':', '\\' and characters that do not show, in NFC; neither digits nor white space alone."
    });
    Email: json!({"type": "string", "maxLength": 254, "pattern": EMAIL, "examples": ["carol@example.com"]});
    DisplayName: json!({"type": "string", "minLength": 1, "maxLength": 256, "pattern": PRINTED});
    Role: json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$", "examples": ["basic"]});
    ExternalId: json!({
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": NO_NUL, "examples": ["user-3"],
        "description": "Your own id of a user, which nobody else of yours has."
    });
    Currency: json!({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]});
    AddKind: json!({
        "type": "string", "examples": ["BONUS"],
        "enum": ([Adding::Purchase, Adding::Bonus, Adding::Refund, Adding::Adjustment, Adding::Earned].map(Adding::as_str))
    });
    ResponseMode: json!({"type": "string", "enum": ["query", "fragment", "code", "web_message"]});
    Prompt: json!({"type": "string", "enum": ["login", "consent", "select_account"]});
    Cursor: json!({"type": "string", "pattern": "^0*[1-9][0-9]{0,17}$"});
    Time: json!({"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]});
    QueryText: json!({"type": "string", "minLength": 1, "pattern": r"^[^\u0000\ufffd]+$", "examples": ["job-1"]});
    Include: json!({"type": "string", "enum": ["feature_details"]});
    EnrollForm: json!({
        "type": "object", "properties": {"code": {"type": "string", "description": "The first code"}},
        "examples": [{"code": "123456"}]
    });

    // What is sent for one-time passcodes.
    AskedName: json!({
        "type": "string", "minLength": 1, "pattern": "^[^:]*$", "not": {"pattern": "^[0-9]+$"}, "examples": ["alice"]
    });
    AskedNameOrNone: json!({"type": "string", "pattern": "^[^:]*$", "not": {"pattern": "^[0-9]+$"}, "examples": ["alice"]});
    DirectoryName: json!({"type": "string", "maxLength": 256, "pattern": NAME, "not": {"pattern": r"^([0-9]+|\s+)$"}});
    OptionalDisplayName: json!({"type": "string", "maxLength": 256, "pattern": PRINTED});
    OptionalEmail: json!({"type": "string", "anyOf": [{"const": ""}, {"maxLength": 254, "pattern": EMAIL}]});
    VerificationType: json!({
        "description": "0 LOGIN, which is the default, or 1 REGISTRATION.",
        "oneOf": [
            {"type": "integer", "enum": [0, 1]},
            {"type": "string", "pattern": "^(0|1|[Ll][Oo][Gg][Ii][Nn]|[Rr][Ee][Gg][Ii][Ss][Tt][Rr][Aa][Tt][Ii][Oo][Nn])$"}
        ]
    });
    Truth: json!({
        "oneOf": [{"type": "boolean"}, {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"}]
    });
    QualifiedName: json!({"type": "string", "minLength": 1, "examples": ["alice"]});

    // What is sent for flags.
    EvaluationContext: json!({
        "type": "object", "additionalProperties": {"$ref": "#/components/schemas/AttributeValue"},
        "propertyNames": {"pattern": NO_NUL},
        "properties": {
            "targetingKey": {"type": ["string", "null"], "pattern": NO_NUL, "description": "Whom it is about"}
        }
    });
    AttributeValue: json!({
        "description": "Any JSON without U+0000, whose numbers a double can hold.",
        "anyOf": [
            {"type": ["null", "boolean", "number"]},
            {"type": "string", "pattern": NO_NUL},
            {"type": "array", "items": {"$ref": "#/components/schemas/AttributeValue"}},
            {
                "type": "object", "propertyNames": {"pattern": NO_NUL},
                "additionalProperties": {"$ref": "#/components/schemas/AttributeValue"}
            }
        ]
    });

    // What is answered.
    Credits: json!({
        "type": "number", "minimum": -1_000_000_000_000_i64, "maximum": 1_000_000_000_000_u64, "examples": [89.5],
        "description": "Exact, written with two to six decimals: read it as a decimal, not as a float."
    });
    EntryKind: json!({
        "type": "string",
        "enum": ([
            Entry::Deduction, Entry::Purchase, Entry::Bonus, Entry::Refund, Entry::Adjustment, Entry::Earned
        ].map(Entry::as_str))
    });
    PaymentStatus: json!({
        "type": "string", "enum": ([Paying::Pending, Paying::Succeeded, Paying::Failed].map(Paying::as_str))
    });
    Success: json!({
        "type": "object", "required": ["success"], "properties": {"success": {"const": true}},
        "examples": [{"success": true}]
    });
    AuthUrl: json!({
        "type": "object", "required": ["auth_url"], "properties": {"auth_url": {"type": "string"}},
        "examples": [{"auth_url": "https://osaycore.example.com/api/auth/oauth/start?state=AAAAAAAAAAEy"}]
    });
    Jwks: json!({
        "type": "object", "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": {
            "type": "object", "required": ["kty", "kid", "alg", "use"], "additionalProperties": {"type": "string"}
        }}},
        "examples": [{"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        }]}]
    });
    Hello: json!({
        "type": "object", "required": ["Message"], "properties": {"Message": {"type": "string"}},
        "examples": [{"Message": "Hello World"}]
    });
    DeletedUser: json!({
        "type": "object", "required": ["UserID"], "properties": {"UserID": {"type": "integer"}},
        "examples": [{"UserID": 100_001}]
    });
    UserState: json!({
        "type": "integer", "minimum": 0, "maximum": 10,
        "description": "0 NOTREGISTERED, 1 DISABLED, 2 LOCKED, 3 NOGROUPMEMBERSHIP, 4 NOTALLOWEDTOBYPASS, 5 \
                        SKIPAUTHENTICATION, 6 AUTHENTICATE, 7 INVALID, 8 VALID, 9 PENDINGENROLLMENT, 10 MAXUSERSREACHED"
    });
    FlagValue: json!({"description": "Any JSON."});
    FlagReason: json!({
        "type": "string", "enum": ["DISABLED", "TARGETING_MATCH", "SPLIT", "STATIC", "DEFAULT", "ERROR"]
    });
}

/// What holds for several members of a body at once, by the name of its schema.
pub(crate) fn constraints() -> [(&'static str, Value); 5] {
    let given = |name: &str| {
        let not_null = json!({"not": {"type": "null"}});
        json!({"required": [name], "properties": {name: not_null}})
    };
    [
        ("DeductRequest", json!({"oneOf": [given("amount"), given("units")]})),
        (
            "VerifyRequest",
            json!({"anyOf": [
                {"required": ["Username"], "properties": {"Username": {"type": "string", "minLength": 1}}},
                {"required": ["UserID"], "properties": {"UserID": {"type": "integer", "not": {"const": 0}}}}
            ]}),
        ),
        ("CreateUser", json!({"if": given("external_id"), "then": given("app")})),
        (
            "SetProvider",
            json!({
                "oneOf": [given("issuer"), given("preset")],
                "if": {"required": ["issuer"], "properties": {"issuer": {"type": "string", "pattern": "^http:"}}},
                "then": {"required": ["private_network"], "properties": {"private_network": {"const": true}}}
            }),
        ),
        (
            "AddRequest",
            json!({
                "if": given("payment_id"),
                "then": {"properties": {"transaction_type": {"const": Adding::Purchase.as_str()}}}
            }),
        ),
    ]
}

pub(crate) fn user_example() -> Value {
    let mut user = user();
    user.insert("success".to_owned(), true.into());
    user.into()
}

pub(crate) fn users_example() -> Value {
    json!({"success": true, "users": [user()], "next_cursor": null})
}

pub(crate) fn transactions_example() -> Value {
    let charge = json!({
        "transaction_id": "0199e1b6-5c3a-7b1e-9d2f-3a4b5c6d7e8f", "type": "DEDUCTION", "amount": -10.50,
        "balance_after": 89.50, "description": "Image generation", "client_reference_id": "job-1", "payment_id": null,
        "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "created_at": "2026-11-23T23:13:03.957276Z"
    });
    json!({"success": true, "transactions": [charge], "next_cursor": null})
}

fn user() -> Map<String, Value> {
    let user = json!({
        "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "oasis_user_id": 100_003, "username": "carol",
        "directory": null, "email": "carol@example.com", "email_verified": false, "display_name": null, "role": "basic",
        "status": "active", "external_id": "user-3", "created_at": "2026-11-23T23:13:03.925007Z",
        "updated_at": "2026-11-23T23:13:03.925007Z"
    });
    user.as_object().cloned().unwrap_or_default()
}

pub(crate) fn context_example() -> Value {
    json!({
        "success": true,
        "user_summary": {
            "id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "email": "carol@example.com", "username": "carol",
            "display_name": "Carol C.", "role": "basic", "status": "active", "avatar_url": null, "email_verified": false
        },
        "credit_balance": {
            "balance": 89.50, "lifetime_earned": 100.00, "lifetime_spent": 10.50, "currency_unit": "credits"
        },
        "app_context": {
            "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "app_name": "My Integrated App",
            "app_permissions": {
                "can_use": true, "is_authorized": true, "effective_credit_rate": 1.00,
                "scopes": ["read_profile", "deduct_credits"], "custom_permissions": {}
            }
        },
        "enabled_features": {"new_ui": true, "beta": false},
        "api_session_id": "0f3c5a1e-3c0b-4f5e-9a61-2f6d1c7f5a10"
    })
}
