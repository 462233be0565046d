"""Excel workbooks with one sheet that holds a table, the header in its first row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ranscore.errors import InputError, list_faults
from ranscore.readers._sheets import unescape
from ranscore.readers._tables import as_text, text_table

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".xlsx",)


def read(path: Path) -> pd.DataFrame:
    """The one filled sheet as text, whole numbers without a decimal point, rows counted as Excel counts them.

    Raises InputError for what is no workbook, for several filled sheets, and with all faults of the sheet: merged
    cells, values beside the header, formulas whose value was never stored.
    """
    formulas = _filled_sheet(path, _open(path, stored=False))
    sheet = _open(path, stored=True)[formulas.title]
    faults = list(_faults(sheet, formulas))
    if faults:
        raise list_faults(f"{path}, sheet {sheet.title!r}", faults)
    rows = {n: [_text(v) for v in row] for n, row in enumerate(sheet.iter_rows(values_only=True), start=1)}
    header = [name.strip() for name in rows.pop(1)]
    width = max((at for at, name in enumerate(header, start=1) if name), default=0)
    filled = {n: row[:width] for n, row in rows.items() if any(row)}
    return text_table(path, header[:width], list(filled.values()), list(filled), "row")


def _open(path: Path, stored: bool) -> Any:
    """The workbook, with the stored values of its formulas or with the formulas themselves."""
    from openpyxl import load_workbook

    try:
        return load_workbook(path, data_only=stored)
    except Exception as fault:  # of a damaged file openpyxl raises whatever the zip and XML parts of it do
        first = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{path}: {first:.160}; expected an Excel workbook (.xlsx); save the table again.") from None


def _filled_sheet(path: Path, book: Any) -> Any:
    filled = [s for s in book.worksheets if any(v is not None for row in s.iter_rows(values_only=True) for v in row)]
    if len(filled) != 1:
        named = ", ".join(repr(s.title) for s in filled) or "none"
        raise InputError(f"{path}: sheets with values: {named}; expected exactly one; save one sheet a file.")
    return filled[0]


def _faults(sheet: Any, formulas: Any) -> Iterator[str]:
    for merged in sheet.merged_cells.ranges:
        yield f"the cells {merged} are merged; expected a value in each cell: unmerge them"
    header = [_text(cell.value).strip() for cell in sheet[1]]
    for row in sheet.iter_rows():
        for cell in row:
            if cell.value is not None and not header[cell.column - 1]:
                yield f"cell {cell.coordinate}: found {cell.value!r:.40} in a column without a name; name it in row 1"
    for row in formulas.iter_rows():
        for cell in row:
            if cell.data_type == "f" and sheet[cell.coordinate].value is None:
                yield f"cell {cell.coordinate}: holds a formula without a stored value; save it in Excel, or as values"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return unescape(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else as_text(value)
