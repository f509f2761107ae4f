CREATE TABLE IF NOT EXISTS users (
    tenant_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    uuid BYTEA NOT NULL,
    -- The empty string: no directory.
    directory TEXT NOT NULL,
    username TEXT NOT NULL,
    email TEXT,
    email_verified BOOLEAN NOT NULL CHECK (email_verified IN (TRUE, FALSE)),
    display_name TEXT,
    avatar_url TEXT,
    role TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'suspended')),
    bypass_otp BOOLEAN NOT NULL CHECK (bypass_otp IN (TRUE, FALSE)),
    deleted_at_us BIGINT,
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, uuid)
);
