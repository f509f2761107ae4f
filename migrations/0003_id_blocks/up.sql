-- Numeric ids come in blocks: neither database generates one in a composite key.
CREATE TABLE IF NOT EXISTS id_blocks (
    kind TEXT NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);
