"""The ceilings: the bus's own statements and records, with nothing but the driver around them."""
