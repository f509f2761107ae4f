//! The protocol ceiling: an actix server that checks the same signature and the same token, reads and writes the same
//! JSON, and stores nothing. What the framework, the protocol and the proofs leave of the machine; storage can only
//! take from it. It runs in a process of its own, as ours does.

use std::collections::BTreeMap;
use std::process::Command;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use osaycore_jwt::{Claims, Grant, Key, KeyRing, KeyState};
use osaycore_ledger::{Amount, Credits};
use osaycore_signing::{SigningKey, v1};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::server::Process;
use crate::target::{Target, now_s};

const API_KEY: &str = "ok_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SECRET_KEY: &[u8] = b"osk_live_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TOKEN_SECRET: [u8; 32] = [7; 32];
const ISSUER: &str = "urn:uuid:5b1a0d0e-8f5c-4a64-9b0b-0f4b7f0c9d11";
const APP: Uuid = Uuid::from_u128(0x5b1a_0d0e_8f5c_4a64_9b0b_0f4b_7f0c_9d11);
const BALANCE_MICROS: i64 = 1_000_000_000_000;

/// The running reference.
pub(crate) struct Ceiling {
    pub(crate) process: Process,
    pub(crate) target: Target,
}

/// Starts this program again, as the reference, with tokens for as many users.
pub(crate) fn start(users: usize) -> anyhow::Result<Ceiling> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("ceiling");
    let process = Process::start(command)?;
    let (ring, now_s) = (ring()?, now_s());
    let tokens = (0..users)
        .map(|user| {
            let id = Uuid::from_u128(u128::try_from(user).unwrap_or_default());
            let grant = Grant { sub: id, aud: APP, jti: id, now_s, iat_s: now_s, expires_in_s: 86_400, sid: None };
            ring.issue(&grant)
        })
        .collect::<Result<_, _>>()?;
    let (address, key) = (process.address, SigningKey::new(SECRET_KEY));
    Ok(Ceiling { process, target: Target { address, api_key: API_KEY.to_owned(), key, tokens } })
}

/// The process itself: serves until it is ended.
#[actix_web::main]
pub(crate) async fn serve() -> anyhow::Result<()> {
    let secret = v1::Secret { key: SigningKey::new(SECRET_KEY), expires_at_s: None };
    let flags = (0..10_u8).map(|number| (format!("feature_{number}"), number % 2 == 0)).collect();
    let checks = Data::new(Checks { secrets: vec![secret], ring: ring()?, flags });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(checks.clone())
            .route("/api/action/deduct-credits", web::post().to(deduct))
            .route("/api/user/context", web::get().to(context))
            // Row 17's collector, which throws away what it gets.
            .route("/v1/traces", web::post().to(actix_web::HttpResponse::Ok))
    })
    .bind("127.0.0.1:0")?;
    for address in server.addrs() {
        eprintln!("listening on http://{address}");
    }
    server.run().await?;
    Ok(())
}

fn ring() -> anyhow::Result<KeyRing> {
    Ok(KeyRing::new(ISSUER, vec![Key::hs256("key-1", &TOKEN_SECRET, KeyState::Active)?])?)
}

struct Checks {
    secrets: Vec<v1::Secret>,
    ring: KeyRing,
    flags: BTreeMap<String, bool>,
}

impl Checks {
    /// The claims of a request whose key, signature and token are right.
    fn claims(&self, request: &HttpRequest, body: &[u8]) -> Option<Claims> {
        let header = |name: &str| request.headers().get(name)?.to_str().ok();
        let now_s = now_s();
        if header("x-osaycore-api-key")? != API_KEY {
            return None;
        }
        let signature =
            v1::Signature { timestamp: header("x-osaycore-timestamp")?, signature: header("x-osaycore-signature")? };
        v1::verify(&self.secrets, &signature, body, v1::WINDOW_S, now_s).ok()?;
        self.ring.verify(header("authorization")?.strip_prefix("Bearer ")?, APP, now_s).ok()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deduction {
    amount: Amount,
    #[serde(rename = "description")]
    _description: Option<String>,
    client_reference_id: Option<String>,
}

#[derive(Serialize)]
struct Deducted {
    success: bool,
    transaction_id: Uuid,
    new_balance: Credits,
}

async fn deduct(checks: Data<Checks>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(claims) = checks.claims(&request, &body) else { return HttpResponse::Unauthorized().finish() };
    let Ok(deduction) = serde_json::from_slice::<Deduction>(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let left = BALANCE_MICROS.saturating_sub(deduction.amount.micros());
    let reference = deduction.client_reference_id.as_deref().map(Uuid::parse_str);
    let (Some(new_balance), Some(Ok(transaction_id))) = (Credits::from_micros(left), reference) else {
        return HttpResponse::BadRequest().finish();
    };
    std::hint::black_box(claims);
    HttpResponse::Ok().json(Deducted { success: true, transaction_id, new_balance })
}

/// The members of the document's example.
#[derive(Serialize)]
struct Context<'a> {
    success: bool,
    user_summary: UserSummary<'a>,
    credit_balance: CreditBalance,
    app_context: AppContext<'a>,
    enabled_features: &'a BTreeMap<String, bool>,
    api_session_id: Uuid,
}

#[derive(Serialize)]
struct UserSummary<'a> {
    id: Uuid,
    email: Option<&'a str>,
    username: &'a str,
    display_name: Option<&'a str>,
    role: &'a str,
    status: &'a str,
    avatar_url: Option<&'a str>,
    email_verified: bool,
}

#[derive(Serialize)]
struct CreditBalance {
    balance: Credits,
    lifetime_earned: Credits,
    lifetime_spent: Credits,
    currency_unit: &'static str,
}

#[derive(Serialize)]
struct AppContext<'a> {
    app_id: Uuid,
    app_name: &'a str,
    app_permissions: Permissions<'a>,
}

#[derive(Serialize)]
struct Permissions<'a> {
    can_use: bool,
    is_authorized: bool,
    effective_credit_rate: Credits,
    scopes: &'a [&'a str],
    custom_permissions: BTreeMap<&'a str, bool>,
}

async fn context(checks: Data<Checks>, request: HttpRequest) -> HttpResponse {
    let Some(claims) = checks.claims(&request, b"") else { return HttpResponse::Unauthorized().finish() };
    let credits = |micros| Credits::from_micros(micros).unwrap_or(Credits::ZERO);
    HttpResponse::Ok().json(Context {
        success: true,
        user_summary: UserSummary {
            id: claims.sub,
            email: None,
            username: "user-123",
            display_name: None,
            role: "basic",
            status: "active",
            avatar_url: None,
            email_verified: false,
        },
        credit_balance: CreditBalance {
            balance: credits(BALANCE_MICROS),
            lifetime_earned: credits(BALANCE_MICROS),
            lifetime_spent: credits(0),
            currency_unit: "credits",
        },
        app_context: AppContext {
            app_id: APP,
            app_name: "bench",
            app_permissions: Permissions {
                can_use: true,
                is_authorized: true,
                effective_credit_rate: credits(1_000_000),
                scopes: &["read_profile", "deduct_credits"],
                custom_permissions: BTreeMap::new(),
            },
        },
        enabled_features: &checks.flags,
        api_session_id: claims.jti,
    })
}
