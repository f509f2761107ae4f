CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (tenant_id, user_uuid);
