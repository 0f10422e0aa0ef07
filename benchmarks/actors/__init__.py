"""The runtime beside Pykka's ThreadingActor, as ratios of speed: `python -m benchmarks.actors`."""
