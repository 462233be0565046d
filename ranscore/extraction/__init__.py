"""A program as a DSPy signature and module, and the labels that a model gives with it."""

import os
from contextlib import suppress
from pathlib import Path

from ranscore.private import make_folder

# DSPy makes its cache of answers when it is imported, readable to all; here it lies in a folder of the user's own.
with suppress(OSError, RuntimeError):
    _cache = Path(os.environ.setdefault("DSPY_CACHEDIR", str(Path.home() / ".cache" / "ranscore" / "dspy")))
    make_folder(_cache)
