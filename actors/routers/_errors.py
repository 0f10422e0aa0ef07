"""What routers raise."""

from actors._errors import ActorError


class UnknownKey(ActorError, LookupError):
    """Yours: the dynamic router has no actor for the message's key, and may not make one."""
