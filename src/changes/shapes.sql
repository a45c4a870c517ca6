-- The columns of the tables $1 (an oid[] literal) with their types.
SELECT a.attrelid::bigint, a.attname::text, a.atttypid::bigint, n.nspname::text, t.typname::text
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
