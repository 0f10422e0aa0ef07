"""The URL of a PostgreSQL store: its options, what is refused, and that no password is shown."""

import pytest

from actorbus.stores import open_store
from actorbus.stores._secrets import without_secrets
from actorbus.stores.postgresql import PostgresOptions, PostgresStore
from actorbus.stores.postgresql._options import parse


def test_options_of_the_store_and_of_the_driver_are_told_apart():
    dsn, options = parse(
        "postgresql://me:secret@db:5433/shop?pool_size=20&sslmode=require&lock_timeout=0.5"
    )

    assert dsn == "postgresql://me:secret@db:5433/shop?sslmode=require"
    assert (options.pool_size, options.lock_timeout) == (20, 0.5)
    assert options.timeout == PostgresOptions().timeout


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_url_opens_a_store(scheme):
    store = open_store(f"{scheme}://me@db/shop")

    assert isinstance(store, PostgresStore)
    assert store.is_shared


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me@db/shop?pool=3", "unknown option 'pool'"),
        ("postgresql://me@db/shop?pool_size=many", "pool_size='many' is not a number"),
        ("postgresql://me@db/shop?pool_size=0", "pool_size=0 must be 1 or more"),
        ("postgresql://me@db/shop?timeout=inf", "timeout=inf must be a finite number"),
        ("postgresql://me@db/shop?pooler=session", "pooler='session' must be one of"),
        ("postgresql://me@db/shop?pool_size=1&pool_size=2", "'pool_size' is given more than once"),
        ("postgresql://me@db:many/shop", "not a URL that can be read"),
        ("mysql://me:secret@db/shop", "not a known kind of store"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(url, said):
    with pytest.raises(ValueError, match=said):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db/shop",
        "postgresql://me@db/shop?password=secret",
        "postgresql://me:secret@a:1,b:2/shop?target_session_attrs=read-write",
    ],
)
def test_no_password_is_shown(url):
    store = open_store(url)

    assert "secret" not in repr(store)
    assert "me" in repr(store)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db/shop?pool=3",
        "postgresql://me:secret@db:port/shop",
        "postgresql://me:secret@db/shop?timeout=long",
        "mysql://me:secret@db/shop",
    ],
)
def test_no_password_is_shown_in_an_error(url):
    with pytest.raises(ValueError) as caught:
        open_store(url)

    assert "secret" not in str(caught.value)


def test_a_url_without_secrets_is_shown_as_it_is():
    assert without_secrets("postgresql:///shop?host=/tmp/a") == "postgresql:///shop?host=/tmp/a"


@pytest.mark.parametrize("sign", ["@", "/", "?", "#", "/x?", "@/"])
def test_a_password_with_a_sign_that_must_be_escaped_is_refused_and_not_shown(sign):
    with pytest.raises(ValueError, match="in a user's name and a password write '@' as %40") as no:
        open_store(f"postgresql://me:12{sign}34@db/shop")

    assert "34" not in str(no.value)


def test_an_escaped_password_is_the_drivers():
    dsn, _ = parse("postgresql://me:1%402%2F3@db/shop?application_name=a@b")

    assert dsn == "postgresql://me:1%402%2F3@db/shop?application_name=a%40b"
