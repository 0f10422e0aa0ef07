"""The program on docs/ordering.md is one that starts, and books in order."""

import re
from pathlib import Path
from typing import Any

from actorbus import Ordering

PAGE = Path(__file__).parents[2] / "docs" / "ordering.md"


async def test_its_program_books_in_order():
    names: dict[str, Any] = {"__name__": "ordering_page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    bus = names["bus"]

    async with bus.running():
        for cents in (5, 10, 20):
            await bus.events.publish(names["Moved"]("savings", cents))
        await names["transfer"]()
        await bus.idle()

    assert names["balances"] == {"savings": 135}
    assert [spec.ordering_key for spec in bus.handlers][1] == Ordering(
        names["field"]("account"), "park"
    )
