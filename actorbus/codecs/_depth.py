"""How deep a body is nested, found without recursion and before anything is made of it.

Most bodies pass by a count of the bytes that may begin a list or a mapping. Only where there are
more of them than levels are allowed is the body read, one token at a time, up to the first level
that is too deep.
"""

import re
import struct
from collections.abc import Callable, Iterator

from actorbus.codecs._explanation import joined
from actorbus.messages._message import JSON, MSGPACK

Found = str | None

_OPENING = {
    MSGPACK: bytes((*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF)),
    JSON: b"[{",
}
_OTHERS = {
    wire_format: bytes(byte for byte in range(256) if byte not in opening)
    for wire_format, opening in _OPENING.items()
}


def depth_check(wire_format: str, most: int) -> Callable[[bytes], Found]:
    """Return a function from a body to the path at which it is too deep, None if it is not.

    What is no body at all is not too deep; that is for the decoder to say.
    """
    others, read = _OTHERS[wire_format], _READERS[wire_format]

    def too_deep(body: bytes) -> Found:
        if len(body) <= most or len(body.translate(None, others)) <= most:
            return None
        return read(body, most)

    return too_deep


class _Path:
    """Where a reader is: the open lists and mappings, each with the step taken in it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.steps: list[int | str] = []

    def __str__(self) -> str:
        return joined("", self.steps)

    def open(self, first: int | str) -> bool:
        """Enter a list or a mapping, with its first step; True if it is one level too many."""
        if len(self.steps) == self.most:
            return True
        self.steps.append(first)
        return False


# -- JSON -----------------------------------------------------------------------------------

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)
_LONGEST_NAME = 40


def _read_json(body: bytes, most: int) -> Found:
    path, last_text = _Path(most), b""
    for match in _TOKEN.finditer(body):
        token = match.group()
        if token in {b"[", b"{"}:
            if path.open(0 if token == b"[" else ""):
                return str(path)
        elif not path.steps:
            continue
        elif token in {b"]", b"}"}:
            path.steps.pop()
        elif token == b"," and isinstance(step := path.steps[-1], int):
            path.steps[-1] = step + 1
        elif token == b":":
            path.steps[-1] = last_text[1:-1][:_LONGEST_NAME].decode("utf-8", "replace")
        else:
            last_text = token
    return None


# -- msgpack --------------------------------------------------------------------------------

# Lead bytes of a fixed size, an ext's type byte included; and those that a length follows, with
# its form and what is added to it.
_FIXED = dict.fromkeys((0xC0, 0xC1, 0xC2, 0xC3), 0) | dict(
    zip(
        (0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8),
        (4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17),
        strict=True,
    )
)
_COUNTED = {
    lead + size: (code, extra)
    for lead, extra in ((0xC4, 0), (0xC7, 1), (0xD9, 0))
    for size, code in enumerate((">B", ">H", ">I"))
}
_CONTAINERS = {0xDC: (">H", True), 0xDD: (">I", True), 0xDE: (">H", False), 0xDF: (">I", False)}
_FIXMAP, _FIXARRAY, _FIXSTR, _NIL, _NEGATIVE = 0x80, 0x90, 0xA0, 0xC0, 0xE0


def _read_msgpack(body: bytes, most: int) -> Found:
    path = _Path(most)
    left: list[int] = []  # items that each open container still has; a mapping's keys count too
    try:
        for start, end, count, is_list in _msgpack_items(body):
            _step(path, left, body[start:end])
            if count is not None:
                if path.open(-1 if is_list else ""):
                    return str(path)
                left.append(count if is_list else 2 * count)
            while left and left[-1] == 0:
                left.pop()
                path.steps.pop()
            if not left:
                return None
    except (struct.error, IndexError):  # truncated
        return None
    return None


def _step(path: _Path, left: list[int], item: bytes) -> None:
    """Count an item of the innermost container, and note the step that it is or names."""
    if not left:
        return
    left[-1] -= 1
    step = path.steps[-1]
    if isinstance(step, int):
        path.steps[-1] = step + 1
    elif left[-1] % 2:  # a mapping's key
        path.steps[-1] = _key(item)


def _key(item: bytes) -> str:
    lead = item[0] if item else _NIL
    skipped = {0xD9: 2, 0xDA: 3, 0xDB: 5}.get(lead, 1)
    return item[skipped:][:_LONGEST_NAME].decode("utf-8", "replace") or repr(item)


def _msgpack_items(body: bytes) -> Iterator[tuple[int, int, int | None, bool]]:
    """Yield each item's start and end; for a list or a mapping how many it has, and which it is.

    Ends with IndexError or struct.error where the body does.
    """
    position = 0
    while True:
        start, lead = position, body[position]
        position += 1
        count, is_list = None, False
        if lead < _FIXMAP or lead >= _NEGATIVE:
            pass
        elif lead < _FIXARRAY:
            count = lead & 0x0F
        elif lead < _FIXSTR:
            count, is_list = lead & 0x0F, True
        elif lead < _NIL:
            position += lead & 0x1F
        elif lead in _FIXED:
            position += _FIXED[lead]
        elif lead in _COUNTED:
            code, extra = _COUNTED[lead]
            position += struct.calcsize(code) + extra + struct.unpack_from(code, body, position)[0]
        else:
            code, is_list = _CONTAINERS[lead]
            count = struct.unpack_from(code, body, position)[0]
            position += struct.calcsize(code)
        yield start, position, count, is_list


_READERS: dict[str, Callable[[bytes, int], Found]] = {MSGPACK: _read_msgpack, JSON: _read_json}
