"""Plain handlers, the same class body for both: what Pykka's own benchmark script measures.

Each case returns how many times it did its work in a second. The class of the script has no hooks,
so that ours starts and ends without a task; "with hooks" is the same with an empty `on_start` and
`on_stop`, for which we have no goal. On both sides a stop has returned once the actor has ended.
It imports nothing of ours but the clock: Pykka's environment has nothing else.
"""

from collections.abc import Callable
from typing import Any

import pykka

from benchmarks.actors.timing import now


class Traversed:
    pykka_traversable = False
    cat = "cat"

    def func(self) -> None:
        pass


def _make(base: type[Any]) -> type[Any]:
    class Plain(base):  # type: ignore[misc]  # the base is chosen when it runs
        bar = pykka.traversable(Traversed())
        foo = "foo"

        def func(self) -> None:
            pass

        def on_receive(self, message: Any) -> Any:
            return message

    return Plain


def _with_hooks(base: type[Any]) -> type[Any]:
    class Hooked(base):  # type: ignore[misc]  # as above
        def on_start(self) -> None:
            pass

        def on_stop(self) -> None:
            pass

    return Hooked


def tell(actor_class: type[Any], loops: int) -> float:
    ref = actor_class.start()
    begun = now()
    for _ in range(loops):
        ref.tell("ping")
    ref.ask("ping")  # until all were handled
    elapsed = now() - begun
    ref.stop()
    return loops / elapsed


def start_stop(actor_class: type[Any], loops: int) -> float:
    begun = now()
    for _ in range(loops):
        actor_class.start().stop()
    return loops / (now() - begun)


def start_stop_with_hooks(actor_class: type[Any], loops: int) -> float:
    return start_stop(_with_hooks(actor_class), loops)


def _repeated(call: Callable[[Any, Any], object]) -> Callable[[type[Any], int], float]:
    def case(actor_class: type[Any], loops: int) -> float:
        ref = actor_class.start()
        proxy = ref.proxy()
        begun = now()
        for _ in range(loops):
            call(ref, proxy)
        elapsed = now() - begun
        ref.stop()
        return loops / elapsed

    return case


CASES: dict[str, tuple[Callable[[type[Any], int], float], int]] = {
    "ask": (_repeated(lambda ref, _: ref.ask("ping")), 10_000),
    "proxy method": (_repeated(lambda _, proxy: proxy.func().get()), 8_000),
    "proxy attribute": (_repeated(lambda _, proxy: proxy.foo.get()), 8_000),
    "proxy of an attribute's method": (_repeated(lambda _, proxy: proxy.bar.func().get()), 6_000),
    "proxy of an attribute's attribute": (_repeated(lambda _, proxy: proxy.bar.cat.get()), 6_000),
    "tell": (tell, 100_000),
    "start and stop": (start_stop, 2_000),
    "start and stop with hooks": (start_stop_with_hooks, 2_000),
}


def measured(base: type[Any], scale: float) -> dict[str, float]:
    """Return the rate of each case, of actors with this base class."""
    actor_class = _make(base)
    return {name: case(actor_class, int(loops * scale)) for name, (case, loops) in CASES.items()}
