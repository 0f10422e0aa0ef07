"""A clock for stores that stands still until it is told to go on."""


class ManualClock:
    """A `StoreClock` in the hands of a test."""

    def __init__(self, wall: float = 1_700_000_000.0, boot_id: str = "first boot") -> None:
        self.wall_time = wall
        self.boot_time = 1000.0
        self._boot_id = boot_id

    def wall(self) -> float:
        """Return the unix time."""
        return self.wall_time

    def boot(self) -> float:
        """Return the time since the machine started."""
        return self.boot_time

    def boot_id(self) -> str:
        """Return what names this start of the machine."""
        return self._boot_id

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.wall_time += seconds
        self.boot_time += seconds

    def set_wall(self, wall: float) -> None:
        """Set the wall clock alone, as an administrator would."""
        self.wall_time = wall

    def reboot(self, boot_id: str = "second boot") -> None:
        """Start the machine again."""
        self.boot_time = 1.0
        self._boot_id = boot_id
