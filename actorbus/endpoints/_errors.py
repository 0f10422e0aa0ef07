"""Why an endpoint's actor fails, for its supervisor and for whoever reads the tree."""

from actorbus._errors import ActorBusError


class EndpointOutage(ActorBusError):
    """An endpoint's dependency is down: it rests under its channel's backoff, then probes.

    Raised inside the endpoint's actor only. The cause is what the handler raised.
    """
