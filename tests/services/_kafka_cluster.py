"""Two Kafka brokers, of which one may be killed: what it led is led by the other one then.

The first one is also the controller, so that the death of the second never costs the quorum. Every
topic has a copy on both, and goes on with one of them. The second leads the topic of the offsets:
it coordinates all groups for as long as it lives.
"""

import base64
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from aiokafka.admin import NewTopic

from tests.services._kafka import PARTITIONS, Kafka, KafkaServer
from tests.services._keeper import Keeper
from tests.services._ports import HOST, free_port
from tests.services._process import PATIENCE

CONTROLLER, MORTAL = 1, 2
"""The ids of the two."""
SETTINGS = {
    "min.insync.replicas": 1,
    # Once the second one is back it soon leads again what it led.
    "leader.imbalance.check.interval.seconds": 1,
    "leader.imbalance.per.broker.percentage": 0,
}
OFFSETS = "__consumer_offsets"


class KafkaNode(KafkaServer):
    """One of the two."""

    java_options = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

    def __init__(
        self, folder: Path, keeper: Keeper, number: int, *, cluster: str, quorum: int
    ) -> None:
        super().__init__(folder, keeper)
        self._number = number
        self._cluster = cluster
        self._quorum = quorum

    def _settings(self) -> str:
        own = {**SETTINGS, **self._own()}
        others = ("advertised.listeners", *own)
        lines = super()._settings().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in others]
        return "\n".join([*kept, *(f"{name}={value}" for name, value in own.items()), ""])

    def _own(self) -> dict[str, Any]:
        controller = f"{HOST}:{self._quorum}"
        own = {"node.id": self._number, "controller.quorum.voters": f"{CONTROLLER}@{controller}"}
        plain = f"PLAIN://{self.servers}"
        if self._number == CONTROLLER:
            return {**own, "listeners": f"{plain},CONTROLLER://{controller}"}
        return {**own, "process.roles": "broker", "listeners": plain}


class KafkaCluster(Kafka):
    """Two brokers: `mortal` is the one that tests may kill; `restore` makes all as it was."""

    def __init__(self, folder: Path, keeper: Keeper) -> None:
        super().__init__("")
        folder.chmod(0o755)  # a server that root starts runs as another user
        cluster, quorum = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[:22], free_port()
        self._immortal, self.mortal = (
            KafkaNode(Path(mkdtemp(dir=folder)), keeper, number, cluster=cluster, quorum=quorum)
            for number in (CONTROLLER, MORTAL)
        )

    def start(self) -> None:
        """Start both, side by side, and wait until they serve."""
        both = (self._immortal, self.mortal)
        with ThreadPoolExecutor(len(both)) as threads:
            for started in [threads.submit(node.start) for node in both]:
                started.result()
        self.servers = ",".join(node.servers for node in both)
        self.create_topic_led_by(OFFSETS, MORTAL, **{"cleanup.policy": "compact"})

    def remove(self) -> None:
        """Kill both and remove their folders."""
        self.mortal.remove()
        self._immortal.remove()

    def restore(self) -> None:
        """Let the mortal one live again, and lead what it led, whatever a test has done to it."""
        if not self.mortal.running:
            self.mortal.start()
        self._until(self._is_complete)

    def create_topic_led_by(self, name: str, leader: int, **settings: str) -> None:
        """Make a topic whose partitions this broker leads, with a copy on the other one."""
        copies = [leader, CONTROLLER if leader == MORTAL else MORTAL]
        topic = NewTopic(name, -1, -1, dict.fromkeys(range(PARTITIONS), copies), settings)
        self._administrate(lambda admin: admin.create_topics([topic]))
        self._until(lambda: self.leaders_of(name) == {leader})

    def leaders_of(self, topic: str) -> set[int]:
        """Return the brokers that lead a topic's partitions."""
        (found,) = self._administrate(lambda admin: admin.describe_topics([topic]))
        return {partition["leader"] for partition in found["partitions"]}

    def coordinator_of(self, group: str) -> int:
        """Return the broker that coordinates a group."""
        found: int = self._administrate(lambda admin: admin.find_coordinator(group))
        return found

    def _is_complete(self) -> bool:
        topics = self._administrate(lambda admin: admin.describe_topics())
        return all(
            set(partition["isr"]) == {CONTROLLER, MORTAL}
            and partition["leader"] == partition["replicas"][0]
            for topic in topics
            for partition in topic["partitions"]
        )

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, "the cluster is not complete"
            time.sleep(0.1)
