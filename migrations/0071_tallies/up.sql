-- What happened in an hour, added up: for charts, which look at thousands of hours and never at what is behind them.
CREATE TABLE IF NOT EXISTS tallies (
    tenant_id BIGINT NOT NULL,
    -- Hours since the epoch.
    hour BIGINT NOT NULL,
    -- requests, refused, failed, spent, issued, sign_ins, refusals, active_users, active_users_of_day.
    kind TEXT NOT NULL,
    -- A count; of credits millionths.
    value BIGINT NOT NULL CHECK (value >= 0),
    PRIMARY KEY (tenant_id, hour, kind)
);
