CREATE UNIQUE INDEX IF NOT EXISTS permits_by_external_id ON permits (tenant_id, app_id, external_id)
    WHERE external_id IS NOT NULL AND NOT dormant;
