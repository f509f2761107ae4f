-- Who may sign in to the console.
CREATE TABLE IF NOT EXISTS admins (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    email TEXT NOT NULL,
    -- Argon2id, as a PHC string.
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'viewer')),
    disabled BOOLEAN NOT NULL CHECK (disabled IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    password_set_at_us BIGINT NOT NULL,
    signed_in_at_us BIGINT,
    PRIMARY KEY (tenant_id, id)
);
