"""The same work done by something else; each module runs as a program and prints its figure."""
