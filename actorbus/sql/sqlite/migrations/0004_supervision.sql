-- From version 3 of the tables to version 4. The columns are explained in schema.sql.

CREATE TABLE actorbus_supervision (
    endpoint   TEXT PRIMARY KEY,
    settings   TEXT NOT NULL,
    changed_at REAL NOT NULL,
    changed_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE actorbus_supervision_changes (
    endpoint   TEXT NOT NULL,
    version    INTEGER NOT NULL,
    old_settings TEXT NOT NULL,
    new_settings TEXT NOT NULL,
    changed_at REAL NOT NULL,
    changed_by TEXT NOT NULL,
    reason     TEXT NOT NULL,
    PRIMARY KEY (endpoint, version)
) STRICT, WITHOUT ROWID;
