-- Whom the tallies have counted as active, once for each hour and once for each day.
CREATE TABLE IF NOT EXISTS active_users (
    tenant_id BIGINT NOT NULL,
    -- 1 or 24.
    hours BIGINT NOT NULL,
    -- The first hour of it, since the epoch.
    hour BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, hours, hour, user_id)
);
