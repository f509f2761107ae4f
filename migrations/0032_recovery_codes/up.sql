CREATE TABLE IF NOT EXISTS recovery_codes (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    -- HMAC-SHA256 of the code, keyed with the user's seed.
    digest BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, user_id, digest),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
