"""Open-I reports in the collection's own format (`ecgen-radiology`): one XML file a report, in folders of any depth.

Source: Demner-Fushman et al., JAMIA 2016;23(2):304-310; https://openi.nlm.nih.gov/faq.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ranscore.errors import InputError, list_faults
from ranscore.readers._tables import text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = ("/", ".xml")
SECTIONS = ("indication", "comparison", "findings", "impression")
COLUMNS = ("uid", *SECTIONS, "mesh")


def read(path: Path) -> pd.DataFrame:
    """The reports and their `;`-joined MeSH codes, columns as in `openi-csv`; raises InputError."""
    folder = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*.xml")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path}: found no .xml file in this folder, expected the XML reports of Open-I at any depth.")
    rows, faults = [], []
    for file in files:
        try:
            rows.append(_row(file))
        except (ElementTree.ParseError, ValueError, LookupError, OSError) as fault:
            faults.append(f"{file.relative_to(folder)}: {fault!s:.200}; expected an Open-I report")
    if faults:
        raise list_faults(str(folder), faults)
    return text_table(path, COLUMNS, rows, [file.relative_to(folder).as_posix() for file in files], "file")


def _row(file: Path) -> list[str]:
    root = ElementTree.parse(file).getroot()
    if root.tag != "eCitation":
        raise ValueError(f"found <{root.tag}> where <eCitation> should stand")
    uid = _attribute(root, "IUXRId") or _attribute(root, "uId").removeprefix("CXR")
    if not uid:
        raise ValueError("found neither an IUXRId nor a uId")
    texts: dict[str, list[str]] = {}
    for element in root.iter("AbstractText"):
        texts.setdefault(element.get("Label", "").casefold(), []).append("".join(element.itertext()).strip())
    codes = [(element.text or "").strip() for element in root.iterfind("MeSH/major")]
    return [uid, *(" ".join(t for t in texts.get(s, []) if t) for s in SECTIONS), ";".join(c for c in codes if c)]


def _attribute(root: ElementTree.Element, tag: str) -> str:
    element = root.find(tag)
    return "" if element is None else element.get("id", "").strip()
