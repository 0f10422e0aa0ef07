"""The tables of the example, in the same database as the bus's own.

Those of the effects have no unique key: an effect that happens twice is there twice.
"""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS departures (
        id TEXT, day TEXT, carrier TEXT, flight INTEGER, origin TEXT, destination TEXT,
        scheduled INTEGER, departed INTEGER, delay INTEGER
    );
    CREATE TABLE IF NOT EXISTS statistics_effects (id TEXT, carrier TEXT);
    CREATE TABLE IF NOT EXISTS notifications (id TEXT, carrier TEXT, text TEXT);
    CREATE TABLE IF NOT EXISTS late_flights (
        carrier TEXT PRIMARY KEY, late INTEGER, minutes INTEGER
    );
    CREATE TABLE IF NOT EXISTS gateway_refusals (carrier TEXT, repaired INTEGER)
"""

ACCOUNT = """
    WITH effects AS (
        SELECT carrier, id, 'departure' AS kind, CASE WHEN delay > $1 THEN 1 ELSE 0 END AS late
        FROM departures
        UNION ALL SELECT carrier, id, 'notification', 0 FROM notifications
        UNION ALL SELECT carrier, id, 'statistics', 0 FROM statistics_effects
    )
    SELECT effects.carrier,
           sum(CASE WHEN kind = 'departure' THEN 1 ELSE 0 END) AS departed,
           sum(effects.late) AS late,
           sum(CASE WHEN kind = 'notification' THEN 1 ELSE 0 END) AS notified,
           sum(CASE WHEN kind = 'statistics' THEN 1 ELSE 0 END) AS statistics,
           coalesce(max(counters.late), 0) AS counted_late,
           count(*) - count(DISTINCT kind || id) AS repeated
    FROM effects LEFT JOIN late_flights AS counters ON counters.carrier = effects.carrier
    GROUP BY effects.carrier ORDER BY effects.carrier
"""
"""A row for each carrier, with the columns of `messages.CarrierAccount`. $1: late after minutes."""

PROGRESS = """
    SELECT count(*), coalesce(sum(CASE WHEN delay > $1 THEN 1 ELSE 0 END), 0),
           (SELECT count(*) FROM statistics_effects), (SELECT count(*) FROM notifications)
    FROM departures
"""
"""One row, with the columns of `messages.Progress`. $1: late after minutes."""

TABLES = tuple(statement.strip() for statement in SCHEMA.split(";"))
