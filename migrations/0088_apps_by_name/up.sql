CREATE INDEX IF NOT EXISTS apps_by_name ON apps (tenant_id, name, id);
