"""What every test may use: the seed of the run, randomness drawn from it, and virtual time."""

import os
import random
import signal

import hypothesis
import pytest
import trio.testing

from tests.services.fixtures import *  # noqa: F403 - fixtures are found by their names here

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs so, and the programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("actorbus.testing.store_contract")  # suites live in the package

hypothesis.settings.register_profile(
    "actorbus",
    deadline=None,  # two busy cores: no test asserts how long it took
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "thorough", hypothesis.settings.get_profile("actorbus"), max_examples=2_000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "actorbus"))

SEED = pytest.StashKey[int]()


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, help="repeat a run's random choices; its header shows it")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Take one seed for everything; Hypothesis reads its option after this."""
    given = config.getoption("--seed")
    seed = random.SystemRandom().randrange(2**32) if given is None else given
    config.stash[SEED] = seed
    if given is not None and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(given)


def pytest_report_header(config):
    return _told(config)


def pytest_terminal_summary(terminalreporter, config):
    """Say it at the end too: a quiet run has no header."""
    terminalreporter.write_line(_told(config))


def _told(config):
    return f"random seed: {config.stash[SEED]} (repeat with --seed={config.stash[SEED]})"


@pytest.fixture
def seed(request):
    """A seed for this test alone, so that it draws the same whichever tests run beside it."""
    text = f"{request.config.stash[SEED]}:{request.node.nodeid}"
    return random.Random(text).randrange(2**32)


@pytest.fixture
def rng(seed, request):
    """Randomness that `--seed` repeats. What it draws from is printed: a failed test shows it."""
    print(f"{request.node.nodeid} draws from {seed}; {_told(request.config)}")
    return random.Random(seed)


@pytest.fixture(autouse=True)
def _seed_global_random(seed):
    """Code under test that draws from `random` itself is repeated too."""
    random.seed(seed)


@pytest.fixture
def clock():
    """Virtual time, which jumps when every task sleeps. It does not wait for worker threads."""
    return trio.testing.MockClock(autojump_threshold=0)
