CREATE UNIQUE INDEX IF NOT EXISTS entries_by_reference ON entries (tenant_id, app_id, reference) WHERE reference IS NOT NULL;
