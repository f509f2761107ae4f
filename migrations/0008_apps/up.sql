CREATE TABLE IF NOT EXISTS apps (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    uuid BYTEA NOT NULL,
    name TEXT NOT NULL,
    api_key TEXT NOT NULL,
    scopes TEXT NOT NULL,
    settings TEXT NOT NULL,
    disabled BOOLEAN NOT NULL CHECK (disabled IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, uuid)
);
