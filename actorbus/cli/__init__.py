"""The command line, `actorbus`: it parses, calls the public API and prints. No bus logic.

_app       the commands, put together          _target     finding APP, `module:bus`
_run       consume until told to stop          _output     tables, JSON, complaints
_list _tree _send _deadletter _schedule        _errors     errors as words and exit codes
"""

from actorbus.cli._main import main as main

__all__ = ["main"]
