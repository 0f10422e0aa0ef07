"""`Actor.start()`, Pykka's way, and forked children; on the real clock."""

import subprocess
import sys
import textwrap

import pykka
import pytest

from actors import Actor, _default
from actors._entry import InThread


class Plain(Actor):
    def on_receive(self, message):
        return message


@pytest.fixture(autouse=True)
def _stop_all():
    yield
    pykka.ActorRegistry.stop_all(timeout=10)


def run(program):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.split()


def test_start_needs_no_system_and_registers_the_actor():
    ref = Plain.start()
    assert ref in pykka.ActorRegistry.get_all()
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert ref.ask(1, timeout=10) == 1
    assert ref.statistics().mailbox.capacity == 1_000_000
    assert ref.stop(timeout=10)
    assert ref not in pykka.ActorRegistry.get_all()
    assert ref.actor_stopped.is_set()


def test_actors_may_be_started_again_after_all_have_stopped():
    first = Plain.start()
    first.stop(timeout=10)
    second = Plain.start()
    assert second.ask(2, timeout=10) == 2


def test_the_default_system_ends_when_it_has_been_without_actors_for_a_while(monkeypatch):
    monkeypatch.setattr(_default, "LINGER", 2.0)
    first = Plain.start()
    system = first._cell.system
    first.stop(timeout=10)
    second = Plain.start()
    assert second._cell.system is system  # it lingers, and is taken again
    second.stop(timeout=10)
    assert isinstance(system._entry, InThread)
    system._entry._thread.join(10)
    assert not system.is_running
    assert Plain.start().ask(1, timeout=10) == 1


def test_the_process_lives_as_long_as_its_actors_and_no_longer():
    out = run("""
        import actors, time
        class Slow(actors.Actor):
            def on_receive(self, message):
                time.sleep(0.2)
                print(message, flush=True)
                self.stop()
        Slow.start().tell("done")
        print("main")
    """)
    assert out == ["main", "done"]


def test_after_a_fork_inherited_refs_raise_at_once_and_new_actors_work():
    out = run("""
        import os, actors
        class Echo(actors.Actor):
            def on_receive(self, message):
                return message
        inherited = Echo.start()
        inherited.ask("parent's")
        pid = os.fork()
        if pid == 0:
            try:
                inherited.tell("lost")
            except actors.ActorDeadError as error:
                print("dead" if "forked" in str(error) else error)
            print(Echo.start().ask("new", timeout=10))
            with actors.ActorSystem("child") as system:
                print(system.spawn(Echo).ask("own", timeout=10), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(inherited.ask("alive", timeout=10))
        inherited.stop()
    """)
    assert out == ["dead", "new", "own", "alive"]
