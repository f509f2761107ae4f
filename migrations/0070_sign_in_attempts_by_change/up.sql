CREATE INDEX IF NOT EXISTS sign_in_attempts_by_change ON sign_in_attempts (changed_at_us);
