"""Runs `actorbus` as a person would, in a folder with an application."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = Path(__file__).parent / "shop_app.py"


@dataclass
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass
class CommandLine:
    """`actorbus` in a folder that has the application as `shop.py`."""

    folder: Path

    @classmethod
    def at(cls, folder):
        shutil.copy(APP, folder / "shop.py")
        return cls(folder)

    def start(self, *arguments, **environment):
        return subprocess.Popen(
            [sys.executable, "-m", "actorbus", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments, stdin="", **environment):
        process = self.start(*arguments, **environment)
        out, err = process.communicate(stdin, timeout=60)
        return Done(process.returncode, out, err)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def place(self, *numbers):
        """Place orders, each of which stores an event for `send_confirmation`."""
        lines = "\n".join(json.dumps({"number": number}) for number in numbers)
        done = self("send", "shop:bus", "shop.PlaceOrder", stdin=lines)
        assert done.code == 0, done.err
