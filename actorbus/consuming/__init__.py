"""A process that consumes: what it takes messages from, its limits and pauses, how it ends."""
