-- What a scope had after each change of it: app_id 0 is every app's. The content is JSON: flags with their salts, segments.
CREATE TABLE IF NOT EXISTS flag_versions (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version > 0),
    at_us BIGINT NOT NULL,
    author TEXT NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('apply', 'import', 'archive', 'rollback')),
    -- Of a rollback: the version that it went back to; 0 is before the first.
    restored BIGINT,
    content TEXT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, version)
);
