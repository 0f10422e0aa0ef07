"""`python -m actorbus` is the command line, where `actorbus` itself is not on the path."""

from actorbus.cli import main

main()
