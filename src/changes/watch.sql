-- Puts a message into the log, in its place among the commits, whenever a table, a type or a name is altered.
CREATE SCHEMA IF NOT EXISTS everwire;
CREATE OR REPLACE FUNCTION everwire.announce() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF tg_event = 'sql_drop' THEN
    PERFORM FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE NOT is_temporary;
  ELSE
    -- Programs that make temporary tables all day alter nothing that is served.
    PERFORM FROM pg_catalog.pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp';
  END IF;
  IF FOUND THEN
    PERFORM pg_catalog.pg_logical_emit_message(true, 'everwire.schema', '');
  END IF;
EXCEPTION WHEN OTHERS THEN
  -- Whatever fails here is no reason to undo what someone altered.
  RAISE WARNING 'everwire is not told of this: %', SQLERRM;
END $$;
COMMENT ON FUNCTION everwire.announce() IS 'Tells Everwire through the log that the schema was altered (--watch-schema).';
