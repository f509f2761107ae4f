-- Browsers that are signed in to the console, or halfway there.
CREATE TABLE IF NOT EXISTS admin_sessions (
    tenant_id BIGINT NOT NULL,
    -- SHA-256 of the cookie.
    token_hash BYTEA NOT NULL,
    admin_id BIGINT NOT NULL,
    -- The password was right, and the second factor is still asked for.
    halfway BOOLEAN NOT NULL CHECK (halfway IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    used_at_us BIGINT NOT NULL,
    expires_at_us BIGINT NOT NULL,
    address TEXT,
    agent TEXT,
    PRIMARY KEY (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, admin_id) REFERENCES admins (tenant_id, id)
);
