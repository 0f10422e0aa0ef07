"""Health, statistics and snapshots of a running bus."""
