CREATE TABLE IF NOT EXISTS otp_attempts (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    -- Consecutive wrong codes so far.
    failures BIGINT NOT NULL CHECK (failures >= 0),
    locked_until_us BIGINT,
    PRIMARY KEY (tenant_id, user_id, app_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, app_id) REFERENCES apps (tenant_id, id)
);
