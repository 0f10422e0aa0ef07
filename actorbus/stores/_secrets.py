"""URLs as they may be shown: in a report, a log, a traceback."""

from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

_SECRETS: Final = frozenset({"password", "sslpassword"})
_UNREADABLE: Final = (
    "store: not a URL that can be read; in a user's name and a password write"
    " '@' as %40, ':' as %3A, '/' as %2F, '?' as %3F, '#' as %23"
)


def split(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError, which does not show it."""
    try:
        parts = urlsplit(url)
        _ = None if "," in parts.netloc else parts.port
    except ValueError:  # its text may hold the password
        raise ValueError(_UNREADABLE) from None
    if parts.scheme != "sqlite" and _is_cut_in_its_password(parts):
        raise ValueError(_UNREADABLE)
    return parts


def _is_cut_in_its_password(parts: SplitResult) -> bool:
    """Whether an "@" is where none may be: what is before it may be the rest of a password."""
    if parts.netloc.count("@") > 1 or "@" in parts.path or "@" in parts.fragment:
        return True
    return "@" not in parts.netloc and "@" in parts.query.partition("=")[0]


def without_secrets(url: str) -> str:
    """Return the URL with stars where a password is. Raises ValueError, which does not show it."""
    parts = split(url)
    user, at, place = parts.netloc.rpartition("@")
    given = parse_qsl(parts.query, keep_blank_values=True)
    if ":" not in user and not any(name in _SECRETS for name, _ in given):
        return url
    name, colon, _ = user.partition(":")
    shown = [(option, "***" if option in _SECRETS else value) for option, value in given]
    return joined(
        parts._replace(
            netloc=f"{name}{colon and ':***'}{at}{place}", query=urlencode(shown, safe="*/")
        )
    )


def joined(parts: SplitResult) -> str:
    """Return the URL of these parts, also of one without a host."""
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{parts.path}{query}"
