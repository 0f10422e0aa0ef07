"""What a strategy and the specs of its children must agree on."""

from collections import Counter
from collections.abc import Sequence

from ._checks import Checks
from ._spec import ChildSpec
from ._strategy import Strategy


def check_children(strategy: Strategy, specs: Sequence[ChildSpec]) -> None:
    """Raise ConfigurationError for names used twice and for options that would never act."""
    checks = Checks(f"children of {type(strategy).__name__}")
    for name, times in Counter(spec.name for spec in specs if spec.name is not None).items():
        if times > 1:
            checks.refuse(f"name={name!r} is used {times} times; give each child its own")
    for spec in specs:
        if strategy.is_group and spec.intensity is not None:
            checks.refuse(
                f"ChildSpec {spec.label!r} has {spec.intensity!r}, but {type(strategy).__name__}"
                " counts restarts for all its children together; give the strategy the limit"
            )
    checks.finish()
