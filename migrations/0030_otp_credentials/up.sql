CREATE TABLE IF NOT EXISTS otp_credentials (
    tenant_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    -- Sealed.
    seed BYTEA NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('SHA1', 'SHA256', 'SHA512')),
    digits BIGINT NOT NULL CHECK (digits BETWEEN 6 AND 8),
    period_s BIGINT NOT NULL CHECK (period_s BETWEEN 15 AND 120),
    -- The newest time step whose code was accepted; none: the user has not enrolled yet.
    last_step BIGINT,
    PRIMARY KEY (tenant_id, user_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
