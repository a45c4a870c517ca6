-- The publication $1 as it is.
SELECT p.puballtables AS all_tables,
  p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate AND p.pubviaroot
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_namespace n WHERE n.pnpubid = p.oid)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_publication_rel r
                    WHERE r.prpubid = p.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL)) AS plain,
  ARRAY(SELECT r.prrelid::bigint FROM pg_catalog.pg_publication_rel r
        WHERE r.prpubid = p.oid ORDER BY r.prrelid::bigint) AS tables,
  ARRAY(SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_publication_rel r
        JOIN pg_catalog.pg_class c ON c.oid = r.prrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE r.prpubid = p.oid ORDER BY r.prrelid::bigint) AS names
FROM pg_catalog.pg_publication p
WHERE p.pubname = $1
