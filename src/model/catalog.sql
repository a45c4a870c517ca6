-- What the database looks like, as one JSON document. $1: the schemas to serve, as a text[] literal.
WITH RECURSIVE served AS (
  SELECT n.oid, n.nspname, s.position
  FROM unnest($1::text[]) WITH ORDINALITY AS s(name, position)
  JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
), tables AS (
  SELECT c.*, s.nspname, s.position
  FROM pg_catalog.pg_class c JOIN served s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND c.relpersistence = 'p'
    AND c.relname <> '_sqlx_migrations'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), functions AS (
  SELECT p.*, s.nspname, s.position, nullif(r.typrelid, 0) AS result_table
  FROM pg_catalog.pg_proc p JOIN served s ON s.oid = p.pronamespace JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
  WHERE p.prokind = 'f' AND p.provariadic = 0 AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
    AND (r.typtype <> 'p' OR r.oid = 'void'::regtype OR r.oid = 'record'::regtype AND p.proallargtypes IS NOT NULL)
    AND NOT EXISTS (SELECT FROM unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) AS a(oid)
                    JOIN pg_catalog.pg_type ty ON ty.oid = a.oid WHERE ty.typtype = 'p')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
), parameters AS (
  SELECT f.oid AS function_oid, a.type_oid, nullif(ty.typrelid, 0) AS type_table, nullif(a.name, '') AS name, a.place,
         coalesce(a.mode, 'i') IN ('i', 'b') AS given, coalesce(a.mode, 'i') IN ('o', 'b', 't') AS returned,
         row_number() OVER (PARTITION BY f.oid, coalesce(a.mode, 'i') IN ('i', 'b') ORDER BY a.place) AS number
  FROM functions f
  CROSS JOIN LATERAL unnest(coalesce(f.proallargtypes, f.proargtypes::oid[]), f.proargmodes, f.proargnames)
    WITH ORDINALITY AS a(type_oid, mode, name, place)
  JOIN pg_catalog.pg_type ty ON ty.oid = a.type_oid
), types(oid) AS (
  SELECT a.atttypid
  FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  UNION
  SELECT prorettype FROM functions
  UNION
  SELECT type_oid FROM parameters
  UNION
  -- And what domains, arrays and composite types are made of.
  SELECT part.oid
  FROM types JOIN pg_catalog.pg_type ty ON ty.oid = types.oid CROSS JOIN LATERAL (
    SELECT ty.typbasetype WHERE ty.typtype = 'd'
    UNION ALL
    -- Not int2vector and its kin, which have elements too, and a text form of their own.
    SELECT e.oid FROM pg_catalog.pg_type e WHERE e.oid = ty.typelem AND e.typarray = ty.oid
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE ty.typtype = 'c' AND a.attrelid = ty.typrelid AND a.attnum > 0 AND NOT a.attisdropped) part(oid)
), collations AS (
  SELECT co.oid, CASE
      WHEN NOT co.collisdeterministic THEN 'equivalence'
      WHEN co.collname IN ('C', 'POSIX', 'ucs_basic') THEN 'bytes'
      WHEN co.collname <> 'default' THEN 'language'
      -- The provider of the database's own collation is told since Postgres 15: libc, ICU, or built in.
      WHEN d.provider = 'b' THEN CASE WHEN d.locale = 'C' THEN 'bytes' ELSE 'byteorder' END
      WHEN d.provider <> 'c' OR d.datcollate NOT IN ('C', 'POSIX') THEN 'language'
      WHEN d.datctype IN ('C', 'POSIX') THEN 'bytes'
      ELSE 'byteorder' END AS compares
  FROM pg_catalog.pg_collation co
  CROSS JOIN (
    SELECT d.datcollate, d.datctype, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider,
           to_jsonb(d) ->> 'datlocale' AS locale
    FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) d
), columns AS (
  SELECT t.oid AS table_oid, a.attnum, json_build_object(
      'number', a.attnum,
      'version', a.xmin,
      'name', a.attname,
      'type_oid', ty.oid::bigint,
      'dimensions', a.attndims,
      'modifier', a.atttypmod,
      'not_null', a.attnotnull OR ty.typnotnull,
      'has_default', a.atthasdef OR a.attidentity <> '' OR ty.typdefault IS NOT NULL,
      'identity', a.attidentity,
      -- Of a view that can be written some columns may be computed.
      'generated', CASE WHEN t.relkind = 'v' AND NOT pg_catalog.pg_column_is_updatable(t.oid, a.attnum, false)
                   THEN 'v' ELSE a.attgenerated::text END,
      'collation', coalesce(co.compares, 'bytes'),
      'comment', pg_catalog.col_description(t.oid, a.attnum)) AS json
  FROM tables t
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type ty ON ty.oid = a.atttypid
  LEFT JOIN collations co ON co.oid = a.attcollation
)
SELECT json_build_object(
  'tables', coalesce((
    SELECT json_agg(json_build_object(
        'oid', t.oid::bigint,
        'name', json_build_object('schema', t.nspname, 'name', t.relname),
        'nature', t.relkind,
        'inherited', t.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = t.oid),
        -- Of views only those that Postgres itself rewrites, of foreign tables those whose wrapper says so; and only if
        -- they take all three: 8, 4 and 16. Postgres has no answer where there is no wrapper to ask.
        'writable', CASE
          WHEN t.relkind IN ('r', 'p') THEN true
          WHEN t.relkind = 'v' OR t.relkind = 'f' AND EXISTS (
              SELECT FROM pg_catalog.pg_foreign_table ft
              JOIN pg_catalog.pg_foreign_server fs ON fs.oid = ft.ftserver
              JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = fs.srvfdw
              WHERE ft.ftrelid = t.oid AND w.fdwhandler <> 0)
            THEN pg_catalog.pg_relation_is_updatable(t.oid, false) & 28 = 28
          ELSE false END,
        'comment', pg_catalog.obj_description(t.oid, 'pg_class'),
        'replica_identity', t.relreplident,
        'owned', pg_catalog.pg_has_role(t.relowner, 'USAGE'),
        'columns', coalesce((SELECT json_agg(c.json ORDER BY c.attnum) FROM columns c WHERE c.table_oid = t.oid), '[]'),
        'primary_key', (
          SELECT i.indkey::int2[] FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indisprimary),
        'unique_keys', coalesce((
          SELECT json_agg(i.indkey::int2[] ORDER BY ic.relname) FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
          WHERE i.indrelid = t.oid AND i.indisunique AND NOT i.indisprimary AND i.indisvalid
            AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts), '[]'),
        'foreign_keys', coalesce((
          SELECT json_agg(json_build_object(
              'name', k.conname, 'columns', k.conkey, 'target', k.confrelid::bigint, 'target_columns', k.confkey,
              'validated', k.convalidated,
              'comment', pg_catalog.obj_description(k.oid, 'pg_constraint')) ORDER BY k.conname)
          FROM pg_catalog.pg_constraint k
          WHERE k.conrelid = t.oid AND k.contype = 'f' AND k.conparentid = 0), '[]'),
        'constraints', coalesce((
          SELECT json_object_agg(named.name, named.columns) FROM (
            SELECT k.conname AS name, coalesce(k.conkey, '{}') AS columns
            FROM pg_catalog.pg_constraint k WHERE k.conrelid = t.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
            UNION
            SELECT ic.relname, i.indkey::int2[] FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = t.oid AND i.indisunique
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid = ic.oid AND k.conname = ic.relname)
          ) named), '{}'))
      ORDER BY t.position, t.relname)
    FROM tables t), '[]'),
  'functions', coalesce((
    SELECT json_agg(json_build_object(
        'name', json_build_object('schema', f.nspname, 'name', f.proname),
        'comment', pg_catalog.obj_description(f.oid, 'pg_proc'),
        'volatile', f.provolatile = 'v',
        'strict', f.proisstrict,
        'many', f.proretset,
        'result', f.prorettype::bigint,
        'result_table', f.result_table::bigint,
        'arguments', coalesce((
          SELECT json_agg(json_build_object(
              'name', p.name, 'type_oid', p.type_oid::bigint, 'type_table', p.type_table::bigint,
              'has_default', p.number > f.pronargs - f.pronargdefaults) ORDER BY p.place)
          FROM parameters p WHERE p.function_oid = f.oid AND p.given), '[]'),
        'columns', coalesce((
          SELECT json_agg(json_build_object(
              'number', p.place, 'version', '', 'name', coalesce(p.name, concat('column', p.place)),
              'type_oid', p.type_oid::bigint, 'dimensions', 0, 'modifier', -1, 'not_null', false, 'has_default', false,
              'identity', '', 'generated', '', 'collation', 'bytes', 'comment', null) ORDER BY p.place)
          FROM parameters p WHERE p.function_oid = f.oid AND p.returned), '[]'))
      ORDER BY f.position, f.proname, pg_catalog.pg_get_function_identity_arguments(f.oid))
    FROM functions f), '[]'),
  'types', coalesce((
    SELECT json_agg(json_build_object(
        'oid', ty.oid::bigint,
        'name', json_build_object('schema', n.nspname, 'name', ty.typname),
        'array_name', (
          SELECT json_build_object('schema', an.nspname, 'name', ar.typname)
          FROM pg_catalog.pg_type ar JOIN pg_catalog.pg_namespace an ON an.oid = ar.typnamespace
          WHERE ar.oid = ty.typarray),
        'class', ty.typtype,
        'base', CASE WHEN ty.typtype = 'd' THEN ty.typbasetype::bigint END,
        'dimensions', ty.typndims,
        'modifier', ty.typtypmod,
        'element', (SELECT e.oid::bigint FROM pg_catalog.pg_type e WHERE e.oid = ty.typelem AND e.typarray = ty.oid),
        'delimiter', ty.typdelim,
        'extension', (
          SELECT json_build_object('name', x.extname, 'version', x.extversion)
          FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension x ON x.oid = d.refobjid
          WHERE d.classid = 'pg_type'::regclass AND d.objid = ty.oid AND d.deptype = 'e'),
        -- The schema of the equality that its own order has, where that is not Postgres' own.
        'operators', (
          SELECT opn.nspname
          FROM pg_catalog.pg_opclass oc
          JOIN pg_catalog.pg_am am ON am.oid = oc.opcmethod AND am.amname = 'btree'
          JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 3
            AND ao.amoplefttype = ty.oid AND ao.amoprighttype = ty.oid
          JOIN pg_catalog.pg_operator op ON op.oid = ao.amopopr
          JOIN pg_catalog.pg_namespace opn ON opn.oid = op.oprnamespace
          WHERE oc.opcintype = ty.oid AND oc.opcdefault AND opn.nspname <> 'pg_catalog'),
        'comment', pg_catalog.obj_description(ty.oid, 'pg_type'),
        'attributes', coalesce((
          SELECT json_agg(json_build_object(
              'number', a.attnum, 'name', a.attname, 'type_oid', a.atttypid::bigint, 'dimensions', a.attndims,
              'modifier', a.atttypmod, 'version', concat(a.attnum, '.', a.xmin),
              'collation', coalesce(co.compares, 'bytes'), 'comment', pg_catalog.col_description(a.attrelid, a.attnum))
            ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute a LEFT JOIN collations co ON co.oid = a.attcollation
          WHERE ty.typtype = 'c' AND a.attrelid = ty.typrelid AND a.attnum > 0 AND NOT a.attisdropped), '[]'),
        'labels', coalesce((
          SELECT json_agg(json_build_object('label', e.enumlabel, 'version', concat(e.oid, '.', e.xmin)) ORDER BY e.enumsortorder)
          FROM pg_catalog.pg_enum e WHERE e.enumtypid = ty.oid), '[]'))
      ORDER BY n.nspname, ty.typname)
    FROM types JOIN pg_catalog.pg_type ty ON ty.oid = types.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = ty.typnamespace), '[]'))::text
