"""The messages: their envelope, names and versions; from a stored body to what a handler takes."""
