"""Programs that show the project at work; not part of the wheel."""
