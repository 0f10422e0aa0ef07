-- From version 2 of the tables to version 3. The columns are explained in schema.sql.

ALTER TABLE actorbus_messages ADD COLUMN for_endpoint TEXT;
ALTER TABLE actorbus_dead_letters ADD COLUMN for_endpoint TEXT;
