-- The one before does its work.
DROP INDEX IF EXISTS sessions_by_user;
