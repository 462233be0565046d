"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# A developer's own folders must not change what the tests see.
for _name in ("RANSCORE_HOME", "RANSCORE_MLRUNS", "RANSCORE_OPENI"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's shared folder with data that the repository may not hold; the test is skipped without it."""
    folder = Path(os.environ.get("RANSCORE_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared folder at {folder}; name one in RANSCORE_SHARED")
    return folder
