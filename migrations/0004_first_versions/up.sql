INSERT INTO versions (kind, version) VALUES ('configuration', 1), ('revocations', 1)
    ON CONFLICT DO NOTHING;
