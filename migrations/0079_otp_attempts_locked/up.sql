CREATE INDEX IF NOT EXISTS otp_attempts_locked ON otp_attempts (tenant_id, user_id) WHERE locked_until_us IS NOT NULL;
