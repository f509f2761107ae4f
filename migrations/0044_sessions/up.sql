CREATE TABLE IF NOT EXISTS sessions (
    tenant_id BIGINT NOT NULL,
    id BYTEA NOT NULL,
    user_uuid BYTEA NOT NULL,
    -- The one app that may refresh it.
    app_uuid BYTEA NOT NULL,
    created_at_s BIGINT NOT NULL,
    expires_at_s BIGINT NOT NULL,
    revoked_at_s BIGINT,
    PRIMARY KEY (tenant_id, id)
);
