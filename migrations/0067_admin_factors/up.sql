CREATE TABLE IF NOT EXISTS admin_factors (
    tenant_id BIGINT NOT NULL,
    admin_id BIGINT NOT NULL,
    -- Sealed.
    seed BYTEA NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('SHA1', 'SHA256', 'SHA512')),
    digits BIGINT NOT NULL CHECK (digits BETWEEN 6 AND 8),
    period_s BIGINT NOT NULL CHECK (period_s BETWEEN 15 AND 120),
    -- The newest time step whose code was accepted; none: it is not in force yet.
    last_step BIGINT,
    PRIMARY KEY (tenant_id, admin_id),
    FOREIGN KEY (tenant_id, admin_id) REFERENCES admins (tenant_id, id)
);
