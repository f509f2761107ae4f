CREATE INDEX IF NOT EXISTS admin_sessions_by_expiry ON admin_sessions (tenant_id, expires_at_us);
