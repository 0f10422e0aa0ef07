"""What `make test` and continuous integration start the services with."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVICES = ROOT / "tests" / "services"


def test_make_test_runs_with_the_services_and_ci_runs_make_test():
    makefile = (ROOT / "Makefile").read_text()

    assert "$(python) -m tests.services $(python) -m tests $(ARGS)" in makefile
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_no_address_to_download_from_is_named():
    """Package managers know where from; theirs is the user's configuration."""
    files = [path for path in SERVICES.rglob("*") if path.suffix in {".py", ".xml", ".yaml"}]
    named = {url for path in files for url in re.findall(r"https?://[^\s\"<]+", path.read_text())}

    assert named == {"http://maven.apache.org/POM/4.0.0"}  # the name of the file's format


def test_both_kinds_of_kafka_are_of_one_version():
    pom = (SERVICES / "kafka" / "pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s+<version>(.+)</version>", pom)

    assert version is not None
    assert f"apache/kafka:{version[1]}\n" in (SERVICES / "compose.yaml").read_text()
