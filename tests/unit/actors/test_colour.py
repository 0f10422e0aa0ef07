"""Where a handler runs is looked up at each call."""

import functools
from unittest import mock

import pytest

from actors._colour import is_async


async def coroutine_function():
    pass


def plain():
    pass


class AsyncCall:
    async def __call__(self):
        pass


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (coroutine_function, True),
        (plain, False),
        (functools.partial(coroutine_function), True),
        (functools.partial(plain), False),
        (AsyncCall(), True),
        (mock.AsyncMock(), True),
        (mock.Mock(), False),
        (print, False),
    ],
)
def test_the_colour_of(function, expected):
    assert is_async(function) is expected
