"""The program on docs/deduplication.md is one that starts, and books once."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "deduplication.md"


async def test_its_program_books_once():
    names: dict[str, Any] = {"__name__": "deduplication_page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    bus = names["bus"]

    async with bus.running():
        await names["pay"]()
        await bus.idle()
        remembered = (await bus.health()).remembered

    assert names["booked"] == ["A-1"]
    assert (remembered.sent, remembered.handled) == (2, 2)
