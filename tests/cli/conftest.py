"""What the tests of several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ranscore.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mlruns: Path) -> Run:
    """Runs a command in an empty folder: its exit code, what it printed, and what it said on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RANSCORE_MLRUNS", str(mlruns))

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ranscore", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, printed.out, printed.err

    return command
