"""Why a channel's intake fails, for its supervisor and for whoever reads the tree."""

from actorbus._errors import ActorBusError


class IntakeStalled(ActorBusError):
    """A channel with ready messages and room for them claimed nothing: it is restarted."""
