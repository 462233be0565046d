"""Folders of files that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from ranscore.errors import InputError


def check_new_folder(folder: Path) -> None:
    """Raises InputError where something stands already; an empty folder may."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already and is never written over; name another folder with -o.")


def write_folder(folder: Path, files: Mapping[str, bytes], *, private: bool) -> None:
    """Writes files by their path inside beside the folder's place and renames; private is for its owner alone.

    Raises InputError where something stands there already, or the place cannot be written.
    """
    check_new_folder(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir(mode=0o700 if private else 0o777)
        for name, content in files.items():
            path = beside / name
            path.parent.mkdir(mode=0o700 if private else 0o777, exist_ok=True)
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
            with os.fdopen(number, "wb") as file:
                file.write(content)
        os.replace(beside, folder)
    except OSError as fault:
        raise InputError(
            f"{folder}: cannot be written ({fault.strerror or fault}); expected a place that you may write to: choose "
            "another folder or free some space."
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
