CREATE INDEX IF NOT EXISTS sessions_by_expiry ON sessions (tenant_id, expires_at_s);
