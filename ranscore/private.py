"""Folders and files that their owner alone may read."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_lock = threading.Lock()
_inside, _before = 0, 0


def make_folder(folder: Path) -> Path:
    """The folder, and every missing one above it, made with mode 0700; those that are there stay as they are."""
    missing = [f for f in (folder, *folder.parents) if not f.exists()]
    for one in reversed(missing):
        with suppress(FileExistsError):
            one.mkdir(mode=0o700)
    folder.mkdir(exist_ok=True)  # says what is wrong where it is no folder
    return folder


def make_file(path: Path) -> Path:
    """The file, made with mode 0600 where there is none."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


@contextmanager
def private_files() -> Iterator[None]:
    """What any thread of this process makes meanwhile, the owner alone may read."""
    global _inside, _before
    with _lock:
        if not _inside:
            _before = os.umask(0o077)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                os.umask(_before)
