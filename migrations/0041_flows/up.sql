-- Logins that have begun at a provider, each for some minutes.
CREATE TABLE IF NOT EXISTS flows (
    tenant_id BIGINT NOT NULL,
    -- SHA-256 of what the provider gives back.
    state_hash BYTEA NOT NULL,
    app_id BIGINT NOT NULL,
    provider TEXT NOT NULL,
    -- Where it ends, and how.
    redirect_uri TEXT NOT NULL,
    response_mode TEXT NOT NULL CHECK (response_mode IN ('query', 'fragment', 'code', 'web_message')),
    -- Who asks for the identity to become theirs.
    link_user_id BIGINT,
    -- SHA-256 of the browser's cookie.
    cookie_hash BYTEA,
    -- Sealed: nonce and code verifier are in it.
    kept BYTEA NOT NULL,
    expires_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, state_hash),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id),
    FOREIGN KEY (tenant_id, link_user_id) REFERENCES users (tenant_id, id)
);
