"""The live view: channels, tenants, restarts and dead letters, as they change."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from actorbus import ActorBus, QueueStatistics
from examples.flights.app import CHANNELS, DEPARTURES, NOTIFICATIONS
from examples.flights.watch import Watch

EVERY = 0.25
"""Seconds between two pictures."""


@dataclass
class Scene:
    """What the view shows beside the queues."""

    rows: int
    watch: Watch
    step: str = "starting"
    sent: int = 0
    queues: Sequence[QueueStatistics] = ()


@contextmanager
def live_view(scene: Scene, console: Console) -> Iterator[Live]:
    """Draw the scene on the console until the block ends; the last picture stays."""
    with Live(picture(scene), console=console, auto_refresh=False) as live:
        try:
            yield live
        finally:
            live.update(picture(scene), refresh=True)


async def keep_looking(bus: ActorBus, scene: Scene, live: Live) -> None:
    """Draw a new picture again and again, until cancelled."""
    while True:
        scene.queues = await bus.store.statistics()
        live.update(picture(scene), refresh=True)
        await trio.sleep(EVERY)


def picture(scene: Scene) -> RenderableType:
    """The whole view."""
    return Group(_progress(scene), _channels(scene), _tenants(scene))


def _progress(scene: Scene) -> RenderableType:
    bar = Table.grid(padding=(0, 1))
    waiting = sum(_left(queue) for queue in scene.queues if queue.channel == DEPARTURES)
    done = max(scene.sent - waiting, 0)
    bar.add_row(
        f"[bold]{scene.step}[/bold]",
        ProgressBar(total=scene.rows, completed=done, width=30),
        f"{done:,} of {scene.rows:,} rows done, {scene.sent:,} sent",
    )
    return bar


def _channels(scene: Scene) -> Table:
    table = _table("channel", "ready", "waiting", "in hand", "dead", "retries", "restarts")
    for channel in CHANNELS:
        queues = [queue for queue in scene.queues if queue.channel == channel]
        table.add_row(
            channel,
            _number(sum(queue.ready for queue in queues)),
            _number(sum(queue.waiting for queue in queues)),
            _number(sum(queue.claimed for queue in queues)),
            _number(sum(queue.dead for queue in queues), "red"),
            _number(_of_channel(scene.watch.retries, channel), "yellow"),
            _number(_of_channel(scene.watch.restarts, channel), "yellow"),
        )
    return table


def _tenants(scene: Scene) -> Table:
    table = _table("tenant", *CHANNELS, "dead", "retries", "restarts", "gateway")
    left, dead = Counter[tuple[str, str]](), Counter[str]()
    for queue in scene.queues:
        left[queue.channel, queue.tenant] += _left(queue)
        dead[queue.tenant] += queue.dead
    for tenant in sorted({tenant for _, tenant in scene.watch.tenants}):
        table.add_row(
            tenant,
            *(_number(left[channel, tenant]) for channel in CHANNELS),
            _number(dead[tenant], "red"),
            _number(_of_tenant(scene.watch.retries, tenant), "yellow"),
            _number(_of_tenant(scene.watch.restarts, tenant), "yellow"),
            "[yellow]away[/yellow]" if (NOTIFICATIONS, tenant) in scene.watch.resting else "",
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table


def _left(queue: QueueStatistics) -> int:
    return queue.ready + queue.waiting + queue.claimed + queue.parked


def _of_channel(counts: Counter[tuple[str, str]], channel: str) -> int:
    return sum(count for (name, _), count in counts.items() if name == channel)


def _of_tenant(counts: Counter[tuple[str, str]], tenant: str) -> int:
    return sum(count for (_, name), count in counts.items() if name == tenant)


def _number(count: int, style: str = "") -> str:
    if not count:
        return "[dim]·[/dim]"
    return f"[{style}]{count:,}[/{style}]" if style else f"{count:,}"
