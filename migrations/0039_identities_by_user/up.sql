CREATE INDEX IF NOT EXISTS identities_by_user ON identities (tenant_id, user_id);
