-- What tells a server that its snapshot is stale.
CREATE TABLE IF NOT EXISTS versions (
    kind TEXT NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
);
