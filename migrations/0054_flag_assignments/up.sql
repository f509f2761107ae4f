-- What sticky rules served first. app_id is the flag's: 0 for a flag of every app.
CREATE TABLE IF NOT EXISTS flag_assignments (
    tenant_id BIGINT NOT NULL,
    app_id BIGINT NOT NULL,
    flag TEXT NOT NULL,
    -- A user's UUID, or whatever other id was asked for.
    unit TEXT NOT NULL,
    rule TEXT NOT NULL,
    variant TEXT NOT NULL,
    assigned_at_us BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, app_id, flag, unit, rule)
);
