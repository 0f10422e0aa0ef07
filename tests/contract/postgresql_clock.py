"""The clock of a PostgreSQL database in the hands of a test."""

import psycopg

from actorbus.testing import ManualClock

_STILL = """
    CREATE TABLE test_clock (now DOUBLE PRECISION NOT NULL);
    INSERT INTO test_clock VALUES ({now});
    CREATE OR REPLACE FUNCTION actorbus_now() RETURNS DOUBLE PRECISION
    LANGUAGE sql VOLATILE AS 'SELECT now FROM test_clock'
"""


class DatabasesClock(ManualClock):
    """The database's clock in the hands of a test; that of this machine goes with it.

    The machine's wall clock is nothing to a store that is ruled by the database's.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._connection = psycopg.connect(url, autocommit=True)

    def stand_still(self) -> None:
        """Rule a store that has been made."""
        self._connection.execute(_STILL.format(now=self.wall_time))

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._connection.execute("UPDATE test_clock SET now = now + %s", (seconds,))

    def set_wall(self, wall: float) -> None:
        """Set this machine's clock, which nothing of a store's reads."""

    def reboot(self, boot_id: str = "second boot") -> None:
        """Start this machine again. It takes longer than a lease."""
        self.advance(60.0)
        super().reboot(boot_id)

    def close(self) -> None:
        self._connection.close()
