"""Keys for deduplication: what a deduplicate= rule may give."""

from actorbus._errors import InvalidMessage
from actorbus.options._options import is_storable, is_text

MOST_BYTES_OF_KEY = 2000
"""Of a key for deduplication, in UTF-8: PostgreSQL's indexes hold no more than 2,704 with the
endpoint's name."""


def deduplication_key(key: object, whose: str) -> str:
    """Return the key that a deduplicate= rule gave, as text. Raises InvalidMessage."""
    if key is None or isinstance(key, float) or not is_text(str(key)):
        raise InvalidMessage(
            f"{whose}: deduplicate= gave {key!r}, which tells no two messages apart"
        )
    text = str(key)
    if not is_storable(text, MOST_BYTES_OF_KEY):
        raise InvalidMessage(
            f"{whose}: deduplicate= gave {text[:80]!r} ({len(text.encode())} bytes); give at most"
            f" {MOST_BYTES_OF_KEY} bytes, without NUL"
        )
    return f"key:{text}"
