"""Files that a command writes once."""

from __future__ import annotations

from pathlib import Path

from ranscore.errors import InputError


def check_json(path: Path) -> None:
    """Raises InputError unless the path ends in .json."""
    if path.suffix.lower() != ".json":
        raise InputError(f"{path}: found the suffix {path.suffix!r}, expected .json.")


def write_once(path: Path, content: bytes) -> None:
    """Writes a file whole; raises InputError where another content stands already, which is never written over."""
    from ranscore.freezing import write_whole

    if path.exists() and (path.is_dir() or path.read_bytes() != content):
        raise InputError(f"{path}: is there already and is never written over; name another file with -o.")
    write_whole(path, content)
