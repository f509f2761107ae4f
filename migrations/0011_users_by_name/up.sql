-- A deleted user's name is free for another.
CREATE UNIQUE INDEX IF NOT EXISTS users_by_name ON users (tenant_id, directory, username) WHERE deleted_at_us IS NULL;
