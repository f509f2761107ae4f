-- Who a provider's logins are.
CREATE TABLE IF NOT EXISTS identities (
    tenant_id BIGINT NOT NULL,
    provider TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    email TEXT,
    -- The user's profile comes from it.
    is_source BOOLEAN NOT NULL CHECK (is_source IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    used_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, provider, issuer, subject),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
