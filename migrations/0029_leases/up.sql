-- Which servers are there, and who does what one alone may do. Once its time is over a lease is free.
CREATE TABLE IF NOT EXISTS leases (
    name TEXT NOT NULL PRIMARY KEY,
    holder BYTEA NOT NULL,
    expires_at_us BIGINT NOT NULL
);
