-- app_id 0: every app of the tenant. The definition is the flag file's member, as JSON.
CREATE TABLE IF NOT EXISTS flags (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    salt TEXT NOT NULL,
    definition TEXT NOT NULL,
    archived BOOLEAN NOT NULL CHECK (archived IN (TRUE, FALSE)),
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, key)
);
