"""Processes that are asked by a line and answer by a line of JSON: how the bench speaks with those it measures."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from portal.folders import ROOT


class ProcessEnded(Exception):
    """A process that should have answered has ended; the text says which."""


class Asked:
    """A Python module run as a process of its own; ends when the block does."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.module = module
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.first = self.answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.communicate()

    def ask(self, line: str) -> Any:
        """Ask and wait for the answer."""
        self.tell(line)
        return self.answer()

    def tell(self, line: str) -> None:
        """Ask; the answer is waited for later."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        """The next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ProcessEnded(f"{self.module} ended with {self.process.wait()}; what it said stands above.")
        return json.loads(line)
