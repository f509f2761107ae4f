CREATE TABLE IF NOT EXISTS monthly_users (
    tenant_id BIGINT NOT NULL,
    -- Year times 100 plus month, in UTC.
    month BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, month, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
