CREATE INDEX IF NOT EXISTS user_terms_by_term ON user_terms (tenant_id, term, user_id);
