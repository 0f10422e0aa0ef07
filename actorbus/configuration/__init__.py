"""The start-up checks of what was declared: all problems in one report, each with its place."""
