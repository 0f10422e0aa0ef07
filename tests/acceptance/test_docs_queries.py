"""The program on docs/queries.md is one that starts, and answers."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "queries.md"


async def test_its_program_answers():
    names: dict[str, Any] = {"__name__": "queries_page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    bus = names["bus"]

    async with bus.running():
        assert await bus.queries.ask(names["GetOrder"](7)) == names["Order"](7, "open")
        assert await bus.queries.ask(names["MonthlyTotal"]("2013-01"), timeout=10) == {
            "2013-01": 1_000
        }
        assert await names["patient"].ask(names["GetOrder"](700)) is None
