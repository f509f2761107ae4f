-- What an app gets in the place of a token, and exchanges for one within a minute.
CREATE TABLE IF NOT EXISTS sign_in_codes (
    tenant_id BIGINT NOT NULL,
    -- SHA-256 of the code.
    code_hash BYTEA NOT NULL,
    app_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    -- The session that it was exchanged for: a second exchange ends it.
    session_id BYTEA,
    -- The login that is to become the user's, as JSON.
    link TEXT,
    expires_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, code_hash),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
