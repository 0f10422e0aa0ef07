"""Bodies that a fuzzer made, replayed: each is read or refused, and nothing else happens."""

import tracemalloc
from typing import Any

import pytest

from actorbus.codecs import NotConvertible
from tests.unit.actorbus.codecs.fuzzing import (
    CORPUS,
    FORMATS,
    KEPT,
    SEED,
    TYPES,
    bodies,
    outcomes,
)

FILES = sorted(CORPUS.iterdir())
LONGEST_REFUSAL = 2_000


def results(path):
    return list(outcomes(FORMATS[path.suffix[1:]], path.read_bytes()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_body_is_read_or_refused_in_words(path):
    refused = [str(one) for one in results(path) if isinstance(one, NotConvertible)]

    assert all(0 < len(text) < LONGEST_REFUSAL for text in refused)


@pytest.mark.parametrize(
    "path", [one for one in FILES if one.name.startswith("whole")], ids=lambda path: path.name
)
def test_a_whole_body_is_read_as_what_it_is(path):
    typed = [one for kind, one in zip(TYPES, results(path), strict=True) if kind not in {dict, Any}]

    assert not all(isinstance(one, NotConvertible) for one in typed)


@pytest.mark.parametrize(
    "path",
    [one for one in FILES if one.name.startswith(("truncated", "deep", "claiming"))],
    ids=lambda path: path.name,
)
def test_a_truncated_a_deep_and_a_claiming_body_are_refused_whatever_is_wanted(path):
    assert all(isinstance(one, NotConvertible) for one in results(path))


def test_no_body_makes_memory_grow():
    """The refusals are held here, and nothing of the bodies with them."""
    for path in FILES:
        results(path)
    tracemalloc.start()
    for path in FILES:
        results(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2_000_000


def test_the_corpus_is_what_its_script_makes():
    made = {f"{name}.{suffix}": body for name, suffix, body in bodies(SEED, KEPT)}
    found = {path.name: path.read_bytes() for path in FILES if not path.name.startswith("found")}

    assert found == made


def test_every_way_of_taking_bodies_apart_is_in_it():
    kinds = {(path.name.partition("-")[0], path.suffix) for path in FILES}

    assert {(name, ".msgpack") for name in ("whole", "truncated", "deep", "claiming")} <= kinds
    assert {(name, ".json") for name in ("whole", "truncated", "deep", "claiming")} <= kinds
