"""A report on disk: the page, and beside it a folder with every figure and every table."""

from __future__ import annotations

from pathlib import Path

from ranscore.errors import InputError
from ranscore.figures import to_csv, to_latex
from ranscore.freezing import write_whole
from ranscore.reporting._report import Report

SUFFIXES = (".html", ".htm")


def check_output(path: Path) -> None:
    """Raises InputError unless a page can be written there and a folder beside it, before anything is computed."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"{path}: found the suffix {path.suffix!r}, expected {' or '.join(SUFFIXES)}.")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected the path of a file to write.")
    folder = folder_of(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder}: is a file, and the figures and tables go into a folder of that name; move it away."
        )
    probe = path.with_name(f".{path.name}.probe")
    write_whole(probe, b"")
    probe.unlink()


def folder_of(path: Path) -> Path:
    """The folder of figures and tables beside a page: `report.html` has `report_files`."""
    return path.with_name(f"{path.stem}_files")


def write_report(report: Report, path: Path) -> list[Path]:
    """Writes the page and its folder, each file whole or not at all; the paths, the page first."""
    folder = folder_of(path)
    files: dict[Path, bytes] = {path: report.html.encode("utf-8")}
    for drawn in report.figures:
        files[folder / f"{drawn.picture.name}.svg"] = drawn.svg
        files[folder / f"{drawn.picture.name}.png"] = drawn.png
    for table in report.tables:
        files[folder / f"{table.name}.csv"] = to_csv(table).encode("utf-8")
        files[folder / f"{table.name}.tex"] = to_latex(table).encode("utf-8")
    for place, content in files.items():
        write_whole(place, content)
    return list(files)
