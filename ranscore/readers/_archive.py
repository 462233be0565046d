"""Text files in folders of any depth or in a zip archive."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ranscore.errors import InputError, list_faults
from ranscore.readers._glance import files_below
from ranscore.readers._opening import decode


def read_texts(path: Path, wanted: Callable[[str], bool]) -> dict[str, str]:
    """The wanted files' texts by relative name, in the order of names, line ends as `\\n`; one file is a folder of one.

    Raises InputError with all files that cannot be read.
    """
    texts: dict[str, str] = {}
    faults: list[str] = []
    for name, read in _files(path):
        if not wanted(name):
            continue
        try:
            texts[name] = decode(name, read()).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        except InputError as fault:
            faults.append(str(fault))
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as fault:
            faults.append(f"{name}: {fault}; expected a file that can be read")
    if faults:
        raise list_faults(str(path), faults)
    return texts


def _files(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    if path.is_dir():
        for name in files_below(path):
            yield name, (path / name).read_bytes
    elif path.suffix.lower() == ".zip":
        yield from _zipped(path)
    elif path.exists():
        yield path.name, path.read_bytes
    else:
        raise InputError(f"{path}: no such file or folder; check the path.")


def _zipped(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as fault:
        raise InputError(f"{path}: {fault}; expected a whole zip archive; copy it again.") from None
    with archive:
        for name in sorted(archive.namelist()):
            if not name.endswith("/") and not name.startswith("__MACOSX/"):
                yield name, partial(archive.read, name)
