-- Constants of the deployment: the token issuer.
CREATE TABLE IF NOT EXISTS deployment (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
