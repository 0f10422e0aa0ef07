"""From what a gateway was given to handlers that are called, and copies that are stored."""
