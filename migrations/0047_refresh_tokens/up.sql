CREATE TABLE IF NOT EXISTS refresh_tokens (
    tenant_id BIGINT NOT NULL,
    -- SHA-256.
    token_hash BYTEA NOT NULL,
    session_id BYTEA NOT NULL,
    -- Where it stands in the chain of its session.
    place TEXT NOT NULL CHECK (place IN ('live', 'previous', 'older')),
    replaced_at_s BIGINT,
    -- Of the previous one: the token that replaced it, sealed.
    sealed BYTEA,
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, session_id) REFERENCES sessions (tenant_id, id)
);
