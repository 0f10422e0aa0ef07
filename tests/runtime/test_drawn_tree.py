"""`print(system.tree())` draws a line for each actor."""

from actors import Actor, ActorSystem


class Parent(Actor):
    async def on_start(self):
        for name in ("first", "second"):
            self.context.spawn(Leaf, name=name)


class Leaf(Actor):
    pass


async def test_a_tree_is_drawn_with_a_line_for_each_actor():
    async with ActorSystem("shop") as system:
        parent = system.spawn(Parent, name="parent")
        await parent.started()
        for leaf in ("first", "second"):
            await system[f"parent/{leaf}"].started()
        drawn = str(system.tree())
    assert drawn.splitlines() == [
        "shop",
        "└── parent running",
        "    ├── first running",
        "    └── second running",
    ]
