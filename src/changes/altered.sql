-- Which tables ($2) were altered or published ($3) by transactions that the slot ($1) may still tell of.
SELECT tables.oid::bigint
FROM pg_catalog.unnest($2::oid[]) AS tables (oid),
  (SELECT pg_catalog.age(catalog_xmin) AS age FROM pg_catalog.pg_replication_slots WHERE slot_name = $1) AS slot
WHERE EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = tables.oid AND a.attnum > 0 AND pg_catalog.age(a.xmin) <= slot.age
  ) OR EXISTS (
    SELECT FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_enum AS e ON e.enumtypid IN (t.oid, t.typelem)
    WHERE a.attrelid = tables.oid AND a.attnum > 0 AND pg_catalog.age(e.xmin) <= slot.age
  ) OR EXISTS (
    SELECT FROM pg_catalog.pg_index AS i
    WHERE i.indrelid = tables.oid AND i.indisprimary AND pg_catalog.age(i.xmin) <= slot.age
  ) OR EXISTS (
    SELECT FROM pg_catalog.pg_publication AS p
    LEFT JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid AND r.prrelid = tables.oid
    WHERE p.pubname = $3 AND (pg_catalog.age(p.xmin) <= slot.age OR pg_catalog.age(r.xmin) <= slot.age)
  )
