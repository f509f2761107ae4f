CREATE TABLE IF NOT EXISTS permits (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    external_id TEXT,
    can_use BOOLEAN NOT NULL CHECK (can_use IN (TRUE, FALSE)),
    -- Millionths.
    credit_rate BIGINT CHECK (credit_rate BETWEEN 1 AND 1000000000000000000),
    scopes TEXT,
    custom TEXT NOT NULL,
    -- The user is deleted: the external id is free for another.
    dormant BOOLEAN NOT NULL CHECK (dormant IN (TRUE, FALSE)),
    PRIMARY KEY (tenant_id, user_id, app_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
