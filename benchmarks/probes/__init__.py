"""Programs that drive the bus and print what they measured."""
