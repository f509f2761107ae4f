//! What the admin API takes and answers beside its own types.

use osaycore_directory::{
    AppScope, OasisResponseSignature as Signing, ReplayProtection as Replays, TotpAlgorithm as Hashes,
    UserStatus as Status,
};
use serde_json::{Value, json};
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{NAME, NO_NUL};

/// An absolute http or https URL of printed characters, as far as a pattern can say it.
const URL: &str = r"^https?://[a-z]([a-z0-9]{0,20})?(\.[a-z]{2,20}){0,3}(/[A-Za-z0-9._~-]{0,40}){0,5}$";

shared! {
    // What a path or a query names.
    WhichApp: json!({
        "type": "string", "minLength": 1, "pattern": NAME, "examples": ["shop"],
        "description": "An app: the UUID, the numeric id, or the name that it alone has"
    });
    WhichUser: json!({
        "type": "string", "minLength": 1, "maxLength": 256, "examples": ["ada"],
        "pattern": r"^([^:\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+\\)?[^:\\\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]+$",
        "not": {"pattern": r"^(\s+|[0-9]{19,})$|^([0-9]+|\s+)\\|\\([0-9]+|\s+)$"},
        "description": "A user: the UUID, the numeric id, `directory\\username` or `username`; where a user is only read and \
                        nobody has that name, what an app calls the user"
    });
    WhichGroup: json!({
        "type": "string", "minLength": 1, "maxLength": 256, "pattern": NAME, "examples": ["staff"],
        "not": {"pattern": r"^(\s+|[0-9]{19,})$"}, "description": "A group: the numeric id, or the name"
    });
    WhichKey: json!({"type": "string", "minLength": 1, "examples": ["web"], "description": "An evaluation key: its number or name"});
    WhichTokenKey: json!({"type": "string", "minLength": 1, "examples": ["k2"], "description": "The `kid` of a key that signs tokens"});
    WhichProvider: json!({
        "type": "string", "pattern": "^[a-z0-9_-]{1,32}$", "examples": ["google"], "description": "A provider: its name"
    });
    EntityTags: json!({
        "type": "string", "examples": ["\"7\""],
        "description": "The `ETag` of what was read: 412 if it was changed since. `*`: whatever it is"
    });
    PageCursor: json!({
        "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "examples": ["WyJhZGEiLDFd"],
        "description": "`next_cursor` of the page before, of the same list with the same other parameters"
    });
    PageLimit: json!({
        "type": "integer", "minimum": 1, "maximum": 200, "examples": [50], "description": "How many at most; 50 unless given"
    });
    Subject: json!({"type": "string", "pattern": "^[ -~]{1,255}$", "examples": ["248289761001"]});

    // What is sent.
    Name: json!({
        "type": "string", "minLength": 1, "maxLength": 256, "pattern": NAME, "examples": ["shop"],
        "not": {"pattern": r"^([0-9]+|\s+)$"},
        "description": "Without ':', '\\' and characters that do not show, in NFC; neither digits nor white space alone."
    });
    AppScopes: json!({"type": "array", "items": {"type": "string", "enum": (AppScope::ALL)}, "examples": [["add_credits"]]});
    RedirectUris: json!({
        "type": "array", "maxItems": 100, "items": {"type": "string", "maxLength": 2048, "pattern": URL},
        "examples": [["https://shop.example.com/back"]],
        "description": "Absolute, `https`, `http` or a private-use scheme with a period, without fragment, user name and this \
                        server's own parameters."
    });
    AvatarUrl: json!({
        "type": "string", "maxLength": 2048, "pattern": URL, "examples": ["https://www.example.com/ada.png"],
        "description": "`https` or `http`, without user name and password."
    });
    UserStatus: json!({"type": "string", "enum": (Status::ALL)});
    UserScopes: json!({
        "type": "array", "items": {"type": "string", "pattern": "^[a-z0-9_.:-]{1,64}$"}, "examples": [["deduct_credits"]],
        "description": "What an app may do for a user; apps may name their own."
    });
    Custom: json!({
        "type": "object", "propertyNames": {"pattern": NO_NUL}, "additionalProperties": {"$ref": "#/components/schemas/AttributeValue"},
        "examples": [{"plan": "pro"}], "description": "Permissions in the app's own words, at most 16 KiB."
    });
    Issuer: json!({
        "type": "string", "pattern": URL, "maxLength": 512, "examples": ["https://accounts.example.com"],
        "description": "An issuer of OpenID Connect, found by discovery; `http` with `private_network` alone."
    });
    Preset: json!({"type": "string", "enum": ["google", "github"]});
    ClientId: json!({"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["4711.apps.example.com"]});
    ClientSecret: json!({"type": "string", "pattern": "^[!-~]{1,512}$", "examples": ["GOCSPX-example"]});
    ProviderScopes: json!({
        "type": "array", "items": {"type": "string", "pattern": r"^[!#-\[\]-~]{1,255}$"},
        "examples": [["openid", "email"]], "description": "In the place of the usual ones."
    });
    TokenAlgorithm: json!({"type": "string", "enum": ["HS256", "EdDSA", "RS256"]});
    Floor: json!({
        "type": ["number", "string"], "minimum": -1_000_000_000_000_i64, "maximum": 1_000_000_000_000_u64,
        "multipleOf": 0.000_001, "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$", "examples": [-10],
        "description": "What no deduction may take the balance below; negative: an overdraft."
    });
    AppSettingsChange: change(settings());

    // What is answered.
    AppSettings: answered(&settings());
    RateText: json!({
        "type": "string", "pattern": r"^[0-9]+\.[0-9]{2,6}$", "examples": ["2.50"], "description": "Credits per unit, exact."
    });
    AuditEvent: json!({
        "type": "object",
        "required": [
            "v", "id", "tenant_id", "at_us", "action", "count", "reason", "actor", "app_id", "user_id", "target", "address",
            "request_id", "before", "after"
        ],
        "properties": {
            "v": {"const": 1}, "id": {"type": "integer"}, "tenant_id": {"type": "integer"},
            "at_us": {"type": "integer", "description": "Microseconds since 1970"},
            "action": {"type": "string", "pattern": r"^[a-z_]+\.[a-z_]+$"},
            "count": {"type": "integer", "minimum": 1, "description": "How often, where it is counted"},
            "reason": {"type": ["string", "null"]},
            "actor": {
                "oneOf": [{"const": "system"}, {"type": "object", "minProperties": 1, "maxProperties": 1}],
                "description": "Who did it: `{\"token\": NAME}`, `{\"operator\": NAME}`, `{\"app\": ID}`, `{\"user\": ID}`"
            },
            "app_id": {"type": ["integer", "null"]}, "user_id": {"type": ["integer", "null"]},
            "target": {"type": ["object", "null"]}, "address": {"type": ["string", "null"]},
            "request_id": {"type": ["string", "null"]},
            "before": {"type": "object", "description": "What is different, as it was"},
            "after": {"type": "object", "description": "What is different, as it became"}
        },
        "description": "The text that is hashed.",
        "examples": [{
            "v": 1, "id": 7, "tenant_id": 1, "at_us": 1_795_518_847_123_456_u64, "action": "credits.added", "count": 1, "reason": null,
            "actor": {"token": "deploy"}, "app_id": null, "user_id": 100_001, "target": null, "address": "203.0.113.7",
            "request_id": "a8295393-9479-4bf2-a1d7-6490482d8a5e", "before": {}, "after": {"amount": "10.00"}
        }]
    });
    Lines: json!({"type": "string", "description": "An event a line, as JSON"});
    Table: json!({
        "type": "string", "description": "RFC 4180",
        "examples": ["transaction_id,created_at,user_id,app_id,type,amount,balance_after,client_reference_id,payment_id,description\r\n"]
    });
}

/// The settings of an app: name → schema. `docs/operations.md` says what they do.
fn settings() -> Value {
    let number = |least: u32, most: u32, usual: u32| json!({"type": "integer", "minimum": least, "maximum": most, "default": usual});
    let switch = json!({"type": "boolean", "default": false});
    json!({
        "redirect_uris": {"$ref": "#/components/schemas/RedirectUris"},
        "default_credit_rate": {
            "description": "Credits per unit for users without a rate of their own", "oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/RateText"}]
        },
        "replay_protection": {"type": "string", "enum": (Replays::ALL)},
        "restrict_to_groups": switch,
        "oasis_response_signature": {"type": "string", "enum": (Signing::ALL)},
        "allow_bypass": switch,
        "lockout_threshold": number(1, 100, 5),
        "lockout_seconds": number(1, 86_400, 900),
        "require_signature_v2": switch,
        "totp_digits": number(6, 8, 6),
        "totp_period": number(15, 120, 30),
        "totp_algorithm": {"type": "string", "enum": (Hashes::ALL)},
        "requests_per_second": number(1, 1_000_000, 10_000),
        "session_lifetime_seconds": number(300, 2_592_000, 2_592_000)
    })
}

/// All of them, as they are.
fn answered(settings: &Value) -> Value {
    let names: Vec<&String> = settings.as_object().into_iter().flat_map(|members| members.keys()).collect();
    json!({"type": "object", "required": names, "properties": settings})
}

/// Some of them, as they are to be.
fn change(mut settings: Value) -> Value {
    if let Some(rate) = settings.get_mut("default_credit_rate") {
        *rate = json!({"oneOf": [{"const": "none"}, {"$ref": "#/components/schemas/Amount"}], "description": "`none`: one credit per unit"});
    }
    json!({
        "type": "object", "additionalProperties": false, "properties": settings,
        "examples": [{"requests_per_second": 50, "default_credit_rate": "0.5"}],
        "description": "By their names; what is not named stays, a list is replaced whole."
    })
}

pub(crate) fn app_example() -> Value {
    json!({
        "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "oasis_app_id": 1001, "name": "shop", "api_key": "ok_live_5Jm0xZ3kq1",
        "scopes": ["add_credits"], "disabled": false, "created_at": "2026-11-23T23:13:03.925007Z",
        "settings": {
            "redirect_uris": ["https://shop.example.com/back"], "default_credit_rate": "0.50", "replay_protection": "idempotent",
            "restrict_to_groups": false, "oasis_response_signature": "library", "allow_bypass": false, "lockout_threshold": 5,
            "lockout_seconds": 900, "require_signature_v2": false, "totp_digits": 6, "totp_period": 30, "totp_algorithm": "SHA1",
            "requests_per_second": 10_000, "session_lifetime_seconds": 2_592_000
        },
        "groups": []
    })
}

pub(crate) fn user_row_example() -> Value {
    json!({
        "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "oasis_user_id": 100_003, "directory": null, "username": "ada",
        "email": "ada@example.com", "role": "basic", "status": "active", "deleted": false
    })
}

pub(crate) fn user_details_example() -> Value {
    json!({
        "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "oasis_user_id": 100_003, "directory": null, "username": "ada",
        "email": "ada@example.com", "email_verified": true, "display_name": "Ada L.", "avatar_url": null, "role": "basic",
        "status": "active", "bypass_otp": false, "second_factor": "enrolled", "recovery_codes_left": 9,
        "wrong_codes": [{"oasis_app_id": 1001, "failures": 2, "locked_until": null}], "deleted": false, "balance": 89.50,
        "min_balance": 0.00, "groups": ["staff"], "permits": [permit_example()], "identities": [identity_example()],
        "sessions": [session_example()], "created_at": "2026-11-23T23:13:03.925007Z", "updated_at": "2026-11-23T23:13:03.925007Z"
    })
}

pub(crate) fn permit_example() -> Value {
    json!({
        "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "oasis_app_id": 1001, "app_name": "shop", "external_id": "c-1",
        "can_use": true, "credit_rate": "2.50", "scopes": ["deduct_credits"], "custom": {"plan": "pro"}
    })
}

pub(crate) fn identity_example() -> Value {
    json!({
        "provider": "google", "issuer": "https://accounts.google.com", "subject": "248289761001", "email": "ada@example.com",
        "is_source": true, "created_at": "2026-11-23T23:13:03.925007Z", "used_at": "2026-11-24T08:00:00Z"
    })
}

pub(crate) fn session_example() -> Value {
    json!({
        "session_id": "0f3c5a1e-3c0b-4f5e-9a61-2f6d1c7f5a10", "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "app_name": "shop",
        "created_at": "2026-11-23T23:13:03Z", "refreshed_at": null, "expires_at": "2026-12-23T23:13:03Z"
    })
}

pub(crate) fn transaction_example() -> Value {
    json!({
        "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020", "transaction_id": "0199e1b6-5c3a-7b1e-9d2f-3a4b5c6d7e8f",
        "type": "DEDUCTION", "amount": -10.50, "balance_after": 89.50, "description": "Image generation",
        "client_reference_id": "job-1", "payment_id": null, "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a",
        "created_at": "2026-11-23T23:13:03.957276Z"
    })
}

pub(crate) fn payment_example() -> Value {
    json!({
        "payment_id": "0199e1b6-5c3a-7b1e-9d2f-3a4b5c6d7e90", "user_id": "59296d1b-6b9f-4ae6-b24d-ae3ac5d8a020",
        "app_id": "4252b476-b58e-43e4-b4a0-8b9b1b7ac00a", "amount": 5.00, "currency": "EUR", "credits": 50.00, "status": "succeeded",
        "external_id": "pi_3MtwBw", "credited": true, "created_at": "2026-11-23T23:13:03.957276Z",
        "updated_at": "2026-11-23T23:14:00Z"
    })
}
