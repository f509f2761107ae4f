CREATE INDEX IF NOT EXISTS group_members_by_group ON group_members (tenant_id, group_id, user_id);
