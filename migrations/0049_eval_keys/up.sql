-- What may evaluate an app's flags, and do nothing else.
CREATE TABLE IF NOT EXISTS eval_keys (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    -- SHA-256 of the key, which is 256 random bits.
    key_hash BYTEA NOT NULL,
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, id),
    UNIQUE (tenant_id, app_id, name),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
