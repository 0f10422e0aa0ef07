-- From version 1 of the tables to version 2. The columns are explained in schema.sql.

CREATE TABLE actorbus_supervision (
    endpoint   TEXT COLLATE "C" PRIMARY KEY,
    settings   TEXT NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    changed_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    version    INTEGER NOT NULL
);

CREATE TABLE actorbus_supervision_changes (
    endpoint   TEXT COLLATE "C" NOT NULL,
    version    INTEGER NOT NULL,
    old_settings TEXT NOT NULL,
    new_settings TEXT NOT NULL,
    changed_at DOUBLE PRECISION NOT NULL,
    changed_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (endpoint, version)
);
