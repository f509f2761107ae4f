CREATE INDEX IF NOT EXISTS admin_sessions_by_admin ON admin_sessions (tenant_id, admin_id);
