"""What the tests of several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ranscore.cli import main

Run = Callable[..., tuple[int, str, str]]


def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[int, str, str]:
    """The command line in this process: its exit code, what it printed, and what it said on standard error."""
    capsys.readouterr()
    monkeypatch.setattr(sys, "argv", ["ranscore", *map(str, arguments)])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mlruns: Path) -> Run:
    """Runs a command in an empty folder: its exit code, what it printed, and what it said on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANSCORE_MLRUNS", str(mlruns))

    return partial(call, capsys, monkeypatch)
