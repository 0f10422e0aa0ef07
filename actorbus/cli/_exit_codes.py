"""The exit codes of `actorbus`, as docs/operations.md lists them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """0 to 2 mean what they mean everywhere; the others name whose turn it is."""

    OK = 0
    FAILURE = 1  # the command ran, and what it was to do did not come about
    USAGE = 2  # the command line itself: an option, a duration, a channel nobody declared
    APP = 3  # APP cannot be imported, or is not an ActorBus
    CONFIGURATION = 4  # the bus is declared wrongly: all problems are listed
    STORE = 5  # the store cannot be used: locked, of another schema, unreachable
    REFUSED = 6  # the gateway refused the message
    HANDLER_FAILED = 7  # `run --stop-on-failure` met a failure
    INTERRUPTED = 130  # `tune` met Ctrl-C, and printed what it had found until then
    SECOND_SIGNAL = 128  # 128 + the signal's number: a second one ended the process at once
