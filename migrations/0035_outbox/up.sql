-- Mail that is yet to be sent.
CREATE TABLE IF NOT EXISTS outbox (
    tenant_id BIGINT NOT NULL,
    id BYTEA NOT NULL,
    -- About whom: a newer mail takes the place of an older one.
    user_id BIGINT NOT NULL,
    -- Sealed: there is a link in it.
    mail BYTEA NOT NULL,
    attempts BIGINT NOT NULL CHECK (attempts >= 0),
    due_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
