"""The suites live in the package; their asserts are explained like those of tests."""

import pytest

pytest.register_assert_rewrite("actorbus.testing.store_contract")
