CREATE TABLE IF NOT EXISTS admin_recovery_codes (
    tenant_id BIGINT NOT NULL,
    admin_id BIGINT NOT NULL,
    -- HMAC-SHA256 of the code, keyed with the admin's seed.
    digest BYTEA NOT NULL,
    PRIMARY KEY (tenant_id, admin_id, digest),
    FOREIGN KEY (tenant_id, admin_id) REFERENCES admins (tenant_id, id)
);
