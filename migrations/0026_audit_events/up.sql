-- The canonical text is the event; the other columns are for finding it.
CREATE TABLE IF NOT EXISTS audit_events (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    action TEXT NOT NULL,
    app_id BIGINT,
    user_id BIGINT,
    canonical TEXT NOT NULL,
    leaf_hash BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
