"""Which parts an endpoint is made of, decided by its plan when it is made."""

from actorbus.endpoints._batches import BatchProcessing
from actorbus.endpoints._flow import Flow
from actorbus.endpoints._gathering import Gathering
from actorbus.endpoints._load_limit import LoadLimit
from actorbus.endpoints._measuring import MeasuredProcessing
from actorbus.endpoints._permits import Permits
from actorbus.endpoints._plan import EndpointPlan
from actorbus.endpoints._processing import Processing
from actorbus.endpoints._surroundings import Surroundings
from actorbus.endpoints._workload import Workload
from supervisors import DrawStream

SharedPermits = dict[str, Permits]
"""The rate limits that the tenants of a channel share, by endpoint id."""


def make_flow(plan: EndpointPlan, shared: SharedPermits) -> Flow | None:
    """Return the flow of an endpoint, None if it has no options that need one."""
    if plan.rate is None and plan.load is None and plan.batch is None:
        return None
    load = None if plan.load is None else LoadLimit(plan.load.minimum, plan.load.maximum)
    gathering = None if plan.batch is None else Gathering(plan.batch)
    return Flow(_permits(plan, shared), load, gathering)


def _permits(plan: EndpointPlan, shared: SharedPermits) -> Permits | None:
    if plan.rate is None:
        return None
    if plan.rate.by == "tenant" or not plan.tenant:
        return Permits(plan.rate)
    permits = Permits(plan.rate, is_shared=True)
    return shared.setdefault(plan.spec.endpoint_id, permits)


def make_processing(bus: Surroundings, workload: Workload, draws: DrawStream) -> Processing:
    """Return what runs an endpoint's messages."""
    flow = workload.flow
    if flow is not None and flow.gathering is not None:
        return BatchProcessing(bus, workload, draws, flow, flow.gathering)
    if flow is not None and flow.load is not None:
        return MeasuredProcessing(bus, workload, draws, flow)
    return Processing(bus, workload, draws)
