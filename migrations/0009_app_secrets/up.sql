CREATE TABLE IF NOT EXISTS app_secrets (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    -- signing: keys OsayCore requests, several while the app rotates. oasis: keys OASIS requests and responses.
    kind TEXT NOT NULL CHECK (kind IN ('signing', 'oasis')),
    -- Sealed.
    secret BYTEA NOT NULL,
    created_at_us BIGINT NOT NULL,
    expires_at_us BIGINT,
    PRIMARY KEY (tenant_id, app_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
