"""The errors of this package, by whose fault they are.

ValueError
    ConfigurationError    yours: options that cannot be honoured, refused when they are built
RuntimeError
    LifecycleError        the runtime's: an event that a child's state does not allow
    RestartsExhausted     nobody's alone: a child that ends by itself again and again
"""


class ConfigurationError(ValueError):
    """Yours: options were refused, each with its value, what is allowed and a way out.

    All problems of one owner are reported at once; ``problems`` has them one by one.
    """

    def __init__(self, owner: str, *problems: str) -> None:
        super().__init__(owner, *problems)
        self.owner = owner
        self.problems = problems

    def __str__(self) -> str:
        if not self.problems:
            return self.owner
        if len(self.problems) == 1:
            return f"{self.owner}: {self.problems[0]}"
        lines = "".join(f"\n  - {problem}" for problem in self.problems)
        return f"{self.owner}: {len(self.problems)} problems{lines}"


class LifecycleError(RuntimeError):
    """The runtime's: it reported an event that cannot happen in the child's state."""


class RestartsExhausted(RuntimeError):
    """A permanent child ended by itself, without an exception, more often than its limit allows.

    It is the cause of an escalation that has no exception of its own to pass on.
    """
