-- From version 2 of the tables to version 3. The columns are explained in schema.sql.

ALTER TABLE actorbus_messages ADD COLUMN for_endpoint TEXT;
ALTER TABLE actorbus_dead_letters ADD COLUMN for_endpoint TEXT;

ALTER TABLE actorbus_handled ADD COLUMN owner TEXT;
CREATE INDEX actorbus_messages_keyed ON actorbus_messages (ordering_key, channel, endpoint)
    WHERE ordering_key IS NOT NULL AND state IN ('waiting', 'parked');
CREATE TABLE actorbus_partitions (
    group_name TEXT NOT NULL,
    topic      TEXT NOT NULL,
    partition  INTEGER NOT NULL,
    owner      TEXT NOT NULL,
    begun_to   INTEGER NOT NULL,
    noted_at   REAL NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
) STRICT, WITHOUT ROWID;
