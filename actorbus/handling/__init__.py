"""One message at its handler: decoded, its arguments filled in, called where it runs."""
