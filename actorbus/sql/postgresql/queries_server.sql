-- name: server
-- Version, connections, and whether autovacuum is on.
SELECT current_setting('server_version_num')::integer,
    split_part(current_setting('server_version'), ' ', 1),
    current_setting('max_connections')::integer
        - current_setting('superuser_reserved_connections')::integer,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
    current_setting('autovacuum')::boolean;

-- name: clock
-- The server's time; nobody moves it here.
SELECT extract(epoch FROM clock_timestamp())::double precision;

-- name: bloat
-- How many rows of our tables live, and how many vacuum has left, by the server's own counts.
SELECT stat.relname::text AS table, n_live_tup AS rows, n_dead_tup AS dead_rows,
    coalesce(reloptions::text !~* 'autovacuum_enabled=(off|false|no|0)', TRUE) AS autovacuum
FROM pg_stat_user_tables AS stat JOIN pg_class ON pg_class.oid = relid
WHERE schemaname = current_schema() AND stat.relname LIKE 'actorbus\_%'
ORDER BY 1;

-- name: horizon
-- What has kept vacuum from its work for the longest time.
SELECT what, seconds FROM (
    SELECT format('a transaction of process %s (%s, %s)', pid,
            coalesce(nullif(application_name, ''), 'no application name'), state) AS what,
        extract(epoch FROM clock_timestamp() - xact_start)::double precision AS seconds,
        greatest(coalesce(age(backend_xmin), 0), coalesce(age(backend_xid), 0)) AS age
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
      AND xact_start IS NOT NULL AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
    UNION ALL
    SELECT format('the prepared transaction %L', gid),
        extract(epoch FROM clock_timestamp() - prepared)::double precision, age(transaction)
    FROM pg_prepared_xacts WHERE database = current_database()
) AS holders
ORDER BY age DESC, seconds DESC LIMIT 1;

-- name: table_sizes
-- Our tables with their sizes, by the server's own counts.
SELECT relname::text AS name, n_live_tup AS rows, n_dead_tup AS dead_rows,
    pg_total_relation_size(relid) AS bytes
FROM pg_stat_user_tables
WHERE schemaname = current_schema() AND relname LIKE 'actorbus\_%' ORDER BY 1;

-- name: schema_times
-- When the tables were made, and when they reached their version.
SELECT created_at, migrated_at FROM actorbus_schema;

-- name: database_size
-- All of the database, the user's tables included.
SELECT pg_database_size(current_database());
