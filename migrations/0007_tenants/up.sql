CREATE TABLE IF NOT EXISTS tenants (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- Sealed. Keys the OASIS request signature.
    api_key BYTEA NOT NULL,
    monthly_user_limit BIGINT CHECK (monthly_user_limit >= 0),
    created_at_us BIGINT NOT NULL
);
