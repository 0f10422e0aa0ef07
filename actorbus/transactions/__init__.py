"""What a handler writes and sends, all or nothing: units of work, savepoints, commits."""
