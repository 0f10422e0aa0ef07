"""One supervised actor per handler: its workers, its health, its decisions."""
