"""One run of a bus: what is started, in which order, and how it ends."""
