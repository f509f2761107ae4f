CREATE TABLE apps (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    uuid BYTEA NOT NULL,
    name TEXT NOT NULL,
    api_key TEXT NOT NULL,
    scopes TEXT NOT NULL,
    settings TEXT NOT NULL,
    disabled BOOLEAN NOT NULL DEFAULT FALSE CHECK (disabled IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, uuid)
);
CREATE TABLE app_secrets (
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
