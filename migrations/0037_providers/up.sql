-- Who can be asked who somebody is.
CREATE TABLE IF NOT EXISTS providers (
    tenant_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('openid', 'github')),
    -- The issuer of an OpenID provider.
    issuer TEXT,
    client_id TEXT NOT NULL,
    -- Sealed.
    client_secret BYTEA NOT NULL,
    -- With spaces between them.
    scopes TEXT NOT NULL,
    -- It may be at a private address: for development.
    private_network BOOLEAN NOT NULL CHECK (private_network IN (TRUE, FALSE)),
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name),
    CHECK ((kind = 'openid') = (issuer IS NOT NULL))
);
