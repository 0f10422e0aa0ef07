"""Answer a query that came through a channel.

Rules:
 1. The handler reads a snapshot, as for a synchronous query; it writes and sends nothing.
 2. The answer leaves with the query's settlement, in one transaction; within the asker's own
    process it is handed over at once. What the asker gets is what the wire can carry, both ways.
 3. A failure is the asker's to know: it is the answer, unless the handler's own `retry=` has
    attempts left. An outage is nobody's answer: the query waits, until its asker gives up.
 4. So a query is never a dead letter, whatever it is: who asked has been told, or waits no more.
"""

from math import inf

import trio

from actorbus._bus_events import QueryRejected
from actorbus._store import Claimed, StoredReply
from actorbus.endpoints._decision import failure_of
from actorbus.endpoints._plan import EndpointPlan
from actorbus.endpoints._surroundings import Surroundings
from actorbus.messages._message import Headers
from actorbus.sending._asking import REPLY_TO
from actorbus.sending._replies import Replies
from actorbus.transactions._inner_units import SnapshotUnitOfWork
from actorbus.transactions._unit_of_work import UnitOfWork
from supervisors import Verdict

_FINAL = {Verdict.UNDECODABLE, Verdict.PERMANENT}


class Answering:
    """Answers the queries of one endpoint."""

    def __init__(self, bus: Surroundings, plan: EndpointPlan, replies: Replies) -> None:
        self._plan = plan
        self._store = bus.store
        self._decode = bus.dispatch.decode
        self._call = bus.dispatch.with_timeout_of(plan.spec)
        self._replies = replies
        self._publish = bus.publish

    async def answer(self, claimed: Claimed, headers: Headers, unit: UnitOfWork) -> None:
        """Run the handler and leave its answer with the unit.

        Raises what is to be judged: an outage, the store's trouble, a failure to be retried.
        """
        address, own = _split(headers)
        body: bytes | None = None
        failure: tuple[str, str] | None = None
        try:
            body = self._replies.codec.encode(await self._invoke(claimed, own))
        except Exception as error:
            if not self._is_final(error, headers.attempt):
                raise
            failure = self._failure(claimed, headers, error)
        reply = StoredReply(
            process_id=address,
            query_id=claimed.message_id,
            body=body,
            failure=failure,
            expires_at=inf if claimed.expires_at is None else claimed.expires_at,
        )
        if address == self._replies.address:
            self._replies.take(reply)
        else:
            await (await unit.turn()).reply(reply)

    async def _invoke(self, claimed: Claimed, headers: Headers) -> object:
        spec = self._plan.spec
        message = self._decode(spec, claimed)
        snapshot = SnapshotUnitOfWork(self._store, spec.endpoint_id, headers)
        try:
            return await self._call(spec, message, headers, snapshot)
        finally:
            await snapshot.rollback()

    def _is_final(self, error: Exception, attempt: int) -> bool:
        judge = self._plan.judge
        verdict = judge.verdict(error)
        if verdict is Verdict.FAILED:
            return judge.retry.next_delay(attempt, 0.0) is None
        return verdict in _FINAL

    def _failure(self, claimed: Claimed, headers: Headers, error: Exception) -> tuple[str, str]:
        plan, now = self._plan, trio.current_time()
        self._publish(
            QueryRejected(
                plan.path, now, plan.spec.endpoint_id, plan.tenant, claimed.message_id, error
            )
        )
        told = failure_of(error, self._store.now(), headers.attempt)
        return told.exception, told.message


def _split(headers: Headers) -> tuple[str, Headers]:
    """Return who waits for the answer, and the headers without that."""
    user = dict(headers.user)
    return user.pop(REPLY_TO, ""), headers.with_user(user)
