"""Kafka: brokers that are there, and one of our own that may be killed.

The server is Apache's, one node as broker and controller, its jars brought by Maven from `kafka/`.
"""

import asyncio
import base64
import fcntl
import os
import shutil
import tempfile
import threading
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.services._keeper import Keeper
from tests.services._ports import HOST, accepts, free_port
from tests.services._process import CannotStart, ServerProcess, as_unprivileged, run

HERE = Path(__file__).parent / "kafka"
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
PARTITIONS = 4
T = TypeVar("T")


class Kafka:
    """Brokers on which the tests may make topics."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        """HOST:PORT, several with commas between."""

    def create_topic(self, name: str, *, partitions: int = PARTITIONS) -> None:
        """Make a topic; topics are not made by using them."""
        self._administrate(lambda admin: admin.create_topics([NewTopic(name, partitions, 1)]))

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records."""
        self._administrate(lambda admin: admin.delete_topics([name]))

    def _administrate(self, work: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
        async def connected() -> T:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
            await admin.start()
            try:
                return await work(admin)
            finally:
                await admin.close()

        return in_asyncio(connected)


class KafkaServer(Kafka):
    """A server of our own: made at the first start, ended by its process id.

    Kafka tells clients its address, so the one that a proxy has must be known before: a second
    listener says that it is reached at the port which `behind` gives to the proxy.
    """

    java_options: tuple[str, ...] = ("-Xmx384m", "-XX:+UseSerialGC")

    def __init__(self, folder: Path, keeper: Keeper) -> None:
        super().__init__("")
        self._process = ServerProcess("Kafka", folder, keeper)
        self._data = folder / "data"
        self._ports: tuple[int, int, int, int] | None = None
        self._cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self.folder = folder
        self.kill = self._process.kill
        self.pause = self._process.pause
        self.resume = self._process.resume
        self.remove = self._process.remove
        self.stop = self._process.stop

    @property
    def running(self) -> bool:
        """Whether its process is there, also when it is paused."""
        return self._process.running

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def behind(self) -> tuple[tuple[str, int], int]:
        """What a proxy needs: the server's address, and its own port, which clients are told."""
        assert self._ports is not None
        return (HOST, self._ports[1]), self._ports[2]

    def start(self) -> None:
        """Start it and wait until it serves; also after `stop` and `kill`, on the same port."""
        jars = installed()
        if self._ports is None:
            self._ports = (free_port(), free_port(), free_port(), free_port())
            self.servers = f"{HOST}:{self._ports[0]}"
        classpath = ["-cp", f"{jars}/*"]
        if not self._data.exists():
            self._initialise(classpath)
        logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
        command = [*self.java_options, *classpath, logging, "kafka.Kafka"]
        self._process.start([_java(), *command, "server.properties"], ready=self._serves)

    def restart(self) -> None:
        """Kill it, unless it is dead already, and start it again."""
        self.kill()
        self.start()

    def _serves(self) -> bool:
        assert self._ports is not None
        return "Kafka Server started" in self._process.log and accepts(self._ports[0])

    def _initialise(self, classpath: list[str]) -> None:
        folder = self._process.folder
        (folder / "server.properties").write_text(self._settings())
        tool = [
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={self._cluster}",
            "-c",
            "server.properties",
        ]
        run(
            [_java(), "-XX:TieredStopAtLevel=1", *classpath, *tool],
            cwd=folder,
            **as_unprivileged(),
        )

    def _settings(self) -> str:
        assert self._ports is not None
        plain, proxied, advertised, controller = self._ports
        return (
            (HERE / "server.properties")
            .read_text()
            .format(
                plain=plain,
                proxied=proxied,
                advertised=advertised,
                controller=controller,
                data=self._data,
            )
        )


def installed() -> Path:
    """Return the folder of Kafka's jars; Maven brings them the first time.

    Sessions that come meanwhile wait, and a download that was cut off leaves no folder.
    """
    pom = HERE / "pom.xml"
    folder = CACHE / uuid.uuid5(uuid.NAMESPACE_OID, pom.read_text()).hex[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _download(pom, folder)
    return folder


def _download(pom: Path, folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise CannotStart("no mvn here: `make services` tells what to install")
    with tempfile.TemporaryDirectory(dir=CACHE) as partial:
        jars = Path(partial) / "jars"
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
        run([maven, "--batch-mode", "--quiet", "--file", pom, *goal])
        jars.rename(folder)


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise CannotStart("no java here: `make services` tells what to install")
    return java


def in_asyncio(function: Callable[[], Awaitable[T]]) -> T:
    """Run it on an asyncio loop in a thread of its own: the test's thread may have a trio run."""
    outcome: Future[T] = Future()

    def run_it() -> None:
        try:
            outcome.set_result(asyncio.run(_awaited(function)))
        except BaseException as error:  # raised in the caller's thread
            outcome.set_exception(error)

    thread = threading.Thread(target=run_it)
    thread.start()
    thread.join()
    return outcome.result()


async def _awaited(function: Callable[[], Awaitable[T]]) -> Any:
    return await asyncio.wait_for(function(), 30)
