CREATE TABLE IF NOT EXISTS segments (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    definition TEXT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, key)
);
