-- What opens the admin API.
CREATE TABLE IF NOT EXISTS admin_tokens (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of the token, which is 256 random bits.
    token_hash BYTEA NOT NULL,
    scopes TEXT NOT NULL,
    -- Who made it, as the audit trail shows it.
    creator TEXT NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT,
    last_used_at_us BIGINT,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name),
    UNIQUE (tenant_id, token_hash)
);
