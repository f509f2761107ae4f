-- The canonical text is the event; the other columns are for finding it.
CREATE TABLE audit_events (
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
CREATE INDEX audit_events_by_user ON audit_events (tenant_id, user_id, id) WHERE user_id IS NOT NULL;
