-- How the log tells the rows of each served table apart: 0 by the full old row, 1 by columns that hold the
-- primary key, 2 by others, 3 not at all (which makes UPDATE and DELETE fail once published). Of a partitioned
-- table the worst of its partitions. $1: oid[] literal; $2: the publication.
WITH served AS (
  SELECT c.oid, c.relowner, c.relkind FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::pg_catalog.oid[])
), leaves AS (
  SELECT s.oid AS root, s.oid AS leaf FROM served s WHERE s.relkind <> 'p'
  UNION ALL
  SELECT s.oid, p.relid FROM served s CROSS JOIN LATERAL pg_catalog.pg_partition_tree(s.oid) p
  WHERE s.relkind = 'p' AND p.isleaf
), identities AS (
  SELECT l.root, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name, CASE c.relreplident
      WHEN 'f' THEN 0
      WHEN 'd' THEN CASE WHEN k.indkey IS NOT NULL AND k.indimmediate THEN 1 ELSE 3 END
      WHEN 'i' THEN CASE WHEN i.indkey IS NULL THEN 3 WHEN k.indkey::int2[] <@ i.indkey::int2[] THEN 1 ELSE 2 END
      ELSE 3 END AS identity
  FROM leaves l
  JOIN pg_catalog.pg_class c ON c.oid = l.leaf
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index k ON k.indrelid = c.oid AND k.indisprimary AND k.indisvalid
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisreplident AND i.indisvalid AND i.indimmediate
)
SELECT s.oid::bigint,
  coalesce((SELECT max(identity) FROM identities i WHERE i.root = s.oid), 0),
  pg_catalog.pg_has_role(s.relowner, 'USAGE'),
  EXISTS (SELECT FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid
          WHERE r.prrelid = s.oid AND p.pubname = $2),
  -- The root's own identity decides whether the log marks old rows as whole.
  ARRAY(SELECT i.name FROM identities i WHERE i.root = s.oid AND i.identity > 0
        UNION
        SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE c.oid = s.oid AND c.relkind = 'p' AND c.relreplident <> 'f'
        ORDER BY 1)
FROM served s
ORDER BY s.oid
