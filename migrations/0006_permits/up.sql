CREATE TABLE permits (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    external_id TEXT,
    can_use BOOLEAN NOT NULL DEFAULT TRUE CHECK (can_use IN (TRUE, FALSE)),
    -- Millionths.
    credit_rate BIGINT CHECK (credit_rate > 0),
    scopes TEXT,
    custom TEXT NOT NULL,
    -- The user is deleted: the external id is free for another.
    dormant BOOLEAN NOT NULL DEFAULT FALSE CHECK (dormant IN (TRUE, FALSE)),
    PRIMARY KEY (tenant_id, user_id, app_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
CREATE UNIQUE INDEX permits_by_external_id ON permits (tenant_id, app_id, external_id)
    WHERE external_id IS NOT NULL AND NOT dormant;
