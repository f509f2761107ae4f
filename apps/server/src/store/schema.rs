//! The tables as diesel sees them; `migrations/` makes them.

use diesel::{allow_tables_to_appear_in_same_query, table};

table! { deployment (name) { name -> Text, value -> Text, } }
table! { versions (kind) { kind -> Text, version -> BigInt, } }
table! { id_blocks (kind) { kind -> Text, next -> BigInt, } }
table! { jwt_keys (kid) {
    kid -> Text, algorithm -> Text, secret -> Binary, state -> Text, created_at_us -> BigInt,
    active_from_us -> BigInt, drop_after_us -> Nullable<BigInt>,
} }
table! { tenants (id) {
    id -> BigInt, name -> Text, api_key -> Binary, monthly_user_limit -> Nullable<BigInt>,
    created_at_us -> BigInt,
} }
table! { apps (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, uuid -> Binary, name -> Text, api_key -> Text,
    scopes -> Text, settings -> Text, disabled -> Bool,
    created_at_us -> BigInt,
} }
table! { app_secrets (tenant_id, app_id, id) {
    tenant_id -> BigInt, app_id -> BigInt, id -> BigInt, kind -> Text, secret -> Binary, created_at_us -> BigInt,
    expires_at_us -> Nullable<BigInt>,
} }
table! { secret_uses (tenant_id, app_id, secret_id) {
    tenant_id -> BigInt, app_id -> BigInt, secret_id -> BigInt, used_at_us -> BigInt,
} }
table! { users (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, uuid -> Binary, directory -> Text, username -> Text,
    email -> Nullable<Text>, email_verified -> Bool, display_name -> Nullable<Text>,
    avatar_url -> Nullable<Text>, role -> Text, status -> Text, bypass_otp -> Bool,
    deleted_at_us -> Nullable<BigInt>, created_at_us -> BigInt, updated_at_us -> BigInt,
} }
table! { permits (tenant_id, user_id, app_id) {
    tenant_id -> BigInt, user_id -> BigInt, app_id -> BigInt, external_id -> Nullable<Text>,
    can_use -> Bool, credit_rate -> Nullable<BigInt>, scopes -> Nullable<Text>, custom -> Text,
    dormant -> Bool,
} }
table! { user_groups (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, name -> Text, created_at_us -> BigInt,
} }
table! { group_members (tenant_id, user_id, group_id) {
    tenant_id -> BigInt, user_id -> BigInt, group_id -> BigInt,
} }
table! { group_apps (tenant_id, app_id, group_id) {
    tenant_id -> BigInt, app_id -> BigInt, group_id -> BigInt,
} }
table! { accounts (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, balance -> BigInt, lifetime_earned -> BigInt,
    lifetime_spent -> BigInt, floor -> BigInt, entries -> BigInt,
} }
table! { entries (tenant_id, account_id, sequence) {
    tenant_id -> BigInt, account_id -> BigInt, sequence -> BigInt, transaction_id -> Binary,
    app_id -> BigInt, kind -> Text, amount -> BigInt, units -> Nullable<BigInt>,
    balance_after -> BigInt, description -> Nullable<Text>, reference -> Nullable<Text>,
    payment_id -> Nullable<Binary>, created_at_us -> BigInt, event_id -> Nullable<BigInt>,
} }
table! { payments (tenant_id, id) {
    tenant_id -> BigInt, id -> Binary, account_id -> BigInt, app_id -> BigInt, amount -> BigInt,
    currency -> Text, credits -> Nullable<BigInt>, status -> Text, external_id -> Nullable<Text>,
    credited_sequence -> Nullable<BigInt>, created_at_us -> BigInt, updated_at_us -> BigInt,
} }
table! { signatures (tenant_id, signed_at_s, app_id, mac, ordinal) {
    tenant_id -> BigInt, app_id -> BigInt, signed_at_s -> BigInt, mac -> Binary, ordinal -> BigInt,
    subject -> Nullable<Binary>, target -> Binary, first_seen_us -> BigInt,
    outcome -> Nullable<Binary>,
} }
table! { revocations (tenant_id, user_uuid, jti) {
    tenant_id -> BigInt, user_uuid -> Binary, jti -> Binary, up_to_iat_s -> BigInt,
    expires_at_s -> BigInt,
} }
table! { flags (tenant_id, app_id, key) {
    tenant_id -> BigInt, app_id -> BigInt, key -> Text, salt -> Text, definition -> Text,
    archived -> Bool, updated_at_us -> BigInt,
} }
table! { segments (tenant_id, app_id, key) {
    tenant_id -> BigInt, app_id -> BigInt, key -> Text, definition -> Text, updated_at_us -> BigInt,
} }
table! { flag_versions (tenant_id, app_id, version) {
    tenant_id -> BigInt, app_id -> BigInt, version -> BigInt, at_us -> BigInt, author -> Text, change -> Text,
    restored -> Nullable<BigInt>, content -> Text,
} }
table! { flag_assignments (tenant_id, app_id, flag, unit, rule) {
    tenant_id -> BigInt, app_id -> BigInt, flag -> Text, unit -> Text, rule -> Text, variant -> Text,
    assigned_at_us -> BigInt,
} }
table! { audit_events (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, at_us -> BigInt, action -> Text, app_id -> Nullable<BigInt>,
    user_id -> Nullable<BigInt>, canonical -> Text, leaf_hash -> Binary,
} }

table! { leases (name) { name -> Text, holder -> Binary, expires_at_us -> BigInt, } }

table! { tenant_heads (tenant_id) {
    tenant_id -> BigInt, last_event_id -> BigInt, remembers_from_s -> BigInt,
    directory_revision -> BigInt,
} }

table! { otp_credentials (tenant_id, user_id) {
    tenant_id -> BigInt, user_id -> BigInt, seed -> Binary, algorithm -> Text, digits -> BigInt,
    period_s -> BigInt, last_step -> Nullable<BigInt>,
} }
table! { otp_attempts (tenant_id, user_id, app_id) {
    tenant_id -> BigInt, user_id -> BigInt, app_id -> BigInt, failures -> BigInt,
    locked_until_us -> Nullable<BigInt>,
} }
table! { recovery_codes (tenant_id, user_id, digest) {
    tenant_id -> BigInt, user_id -> BigInt, digest -> Binary,
} }
table! { monthly_users (tenant_id, month, user_id) {
    tenant_id -> BigInt, month -> BigInt, user_id -> BigInt,
} }
table! { enrollments (tenant_id, user_id) {
    tenant_id -> BigInt, user_id -> BigInt, app_id -> BigInt, token_hash -> Binary, email -> Text,
    expires_at_us -> BigInt,
} }
table! { outbox (tenant_id, id) {
    tenant_id -> BigInt, id -> Binary, user_id -> BigInt, mail -> Binary, attempts -> BigInt,
    due_at_us -> BigInt, expires_at_us -> BigInt,
} }
table! { providers (tenant_id, name) {
    tenant_id -> BigInt, name -> Text, kind -> Text, issuer -> Nullable<Text>, client_id -> Text,
    client_secret -> Binary, scopes -> Text, private_network -> Bool, created_at_us -> BigInt,
    updated_at_us -> BigInt,
} }
table! { identities (tenant_id, provider, issuer, subject) {
    tenant_id -> BigInt, provider -> Text, issuer -> Text, subject -> Text, user_id -> BigInt,
    email -> Nullable<Text>, is_source -> Bool, created_at_us -> BigInt, used_at_us -> BigInt,
} }
table! { flows (tenant_id, state_hash) {
    tenant_id -> BigInt, state_hash -> Binary, app_id -> BigInt, provider -> Text, redirect_uri -> Text,
    response_mode -> Text, link_user_id -> Nullable<BigInt>, cookie_hash -> Nullable<Binary>,
    kept -> Binary, expires_at_us -> BigInt,
} }
table! { sign_in_codes (tenant_id, code_hash) {
    tenant_id -> BigInt, code_hash -> Binary, app_id -> BigInt, user_id -> BigInt,
    session_id -> Nullable<Binary>, link -> Nullable<Text>, expires_at_us -> BigInt,
} }

table! { sessions (tenant_id, id) {
    tenant_id -> BigInt, id -> Binary, user_uuid -> Binary, app_uuid -> Binary, created_at_s -> BigInt,
    expires_at_s -> BigInt, revoked_at_s -> Nullable<BigInt>,
} }
table! { refresh_tokens (tenant_id, token_hash) {
    tenant_id -> BigInt, token_hash -> Binary, session_id -> Binary, place -> Text,
    replaced_at_s -> Nullable<BigInt>, sealed -> Nullable<Binary>,
} }
table! { eval_keys (tenant_id, app_id, id) {
    tenant_id -> BigInt, app_id -> BigInt, id -> BigInt, name -> Text, key_hash -> Binary,
    created_at_us -> BigInt,
} }

table! { admins (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, email -> Text, password_hash -> Text, role -> Text,
    disabled -> Bool, created_at_us -> BigInt, password_set_at_us -> BigInt,
    signed_in_at_us -> Nullable<BigInt>,
} }
table! { admin_emails (email) { email -> Text, tenant_id -> BigInt, admin_id -> BigInt, } }
table! { admin_sessions (tenant_id, token_hash) {
    tenant_id -> BigInt, token_hash -> Binary, admin_id -> BigInt, halfway -> Bool, created_at_us -> BigInt,
    used_at_us -> BigInt, expires_at_us -> BigInt, address -> Nullable<Text>, agent -> Nullable<Text>,
} }
table! { admin_factors (tenant_id, admin_id) {
    tenant_id -> BigInt, admin_id -> BigInt, seed -> Binary, algorithm -> Text, digits -> BigInt,
    period_s -> BigInt, last_step -> Nullable<BigInt>,
} }
table! { admin_recovery_codes (tenant_id, admin_id, digest) {
    tenant_id -> BigInt, admin_id -> BigInt, digest -> Binary,
} }
table! { sign_in_attempts (email_hash) {
    email_hash -> Binary, failures -> BigInt, locked_until_us -> Nullable<BigInt>, changed_at_us -> BigInt,
} }
table! { tallies (tenant_id, hour, kind) {
    tenant_id -> BigInt, hour -> BigInt, kind -> Text, value -> BigInt,
} }
table! { tally_marks (tenant_id) { tenant_id -> BigInt, last_event_id -> BigInt, } }
table! { active_users (tenant_id, hours, hour, user_id) {
    tenant_id -> BigInt, hours -> BigInt, hour -> BigInt, user_id -> BigInt,
} }
table! { admin_tokens (tenant_id, id) {
    tenant_id -> BigInt, id -> BigInt, name -> Text, token_hash -> Binary, scopes -> Text, creator -> Text,
    created_at_us -> BigInt, expires_at_us -> Nullable<BigInt>, last_used_at_us -> Nullable<BigInt>,
} }
table! { user_terms (tenant_id, user_id, term) {
    tenant_id -> BigInt, user_id -> BigInt, term -> Binary,
} }

allow_tables_to_appear_in_same_query!(users, permits, group_members, group_apps, user_groups, accounts, apps);
allow_tables_to_appear_in_same_query!(audit_events, entries);
allow_tables_to_appear_in_same_query!(accounts, tenant_heads);
allow_tables_to_appear_in_same_query!(tally_marks, tenant_heads);
allow_tables_to_appear_in_same_query!(
    tenants,
    signatures,
    revocations,
    flags,
    flag_assignments,
    enrollments,
    outbox,
    flows,
    sign_in_codes,
    sessions,
    admin_sessions
);
