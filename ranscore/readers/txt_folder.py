"""A folder (or zip archive) of `.txt` files at any depth, one report a file; the name without suffix is the id."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ranscore.errors import InputError
from ranscore.readers import mimic_txt
from ranscore.readers._archive import read_texts
from ranscore.readers._glance import Glance
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES: tuple[str, ...] = ()
NOT_REPORTS = ("readme", "license", "licence", "changelog", "sha256sums", "md5sums", "records", "requirements")
OTHERS = (".xml", ".parquet")


def recognises(glance: Glance) -> bool:
    """True for a folder or an archive with reports as text and with none of another format."""
    if mimic_txt.recognises(glance) or any(name.lower().endswith(OTHERS) for name in glance.names):
        return False
    return any(map(_is_report, glance.names))


def _is_report(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == ".txt" and path.stem.casefold() not in NOT_REPORTS


def read(path: Path) -> pd.DataFrame:
    """The columns report_id (the name, below the folder where names repeat) and report; raises InputError."""
    texts = read_texts(path, _is_report)
    if not texts:
        raise InputError(f"{path}: found no report as .txt; expected one file a report.")
    stems = [PurePosixPath(name).stem for name in texts]
    long = [str(PurePosixPath(name).with_suffix("")) for name in texts]
    ids = stems if len(set(stems)) == len(stems) else long
    rows = [[report_id, text] for report_id, text in zip(ids, texts.values(), strict=True)]
    return text_table(path, ("report_id", "report"), rows, list(texts), "file")
