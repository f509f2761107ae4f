-- Constants of the deployment (the token issuer) and the versions that tell a server when its snapshot is stale.
CREATE TABLE deployment (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE versions (
    kind TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
-- Numeric ids come in blocks: neither database generates one in a composite key.
CREATE TABLE id_blocks (
    kind TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
INSERT INTO versions (kind, version) VALUES ('configuration', 1), ('revocations', 1);
INSERT INTO id_blocks (kind, next) VALUES ('tenant', 1), ('app', 1001), ('user', 100001), ('group', 1), ('secret', 1);
