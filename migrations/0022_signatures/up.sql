-- The replay guard: what each verified signature was first used for. Kept for twice the window; the key begins
-- with the signed second, so that inserts append and forgetting removes a range.
CREATE TABLE IF NOT EXISTS signatures (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    signed_at_s BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    ordinal BIGINT NOT NULL,
    subject BYTEA,
    target BYTEA NOT NULL,
    first_seen_us BIGINT NOT NULL,
    outcome BYTEA,
    PRIMARY KEY (tenant_id, signed_at_s, app_id, mac, ordinal)
);
