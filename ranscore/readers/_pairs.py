"""Tables that hold a reference and a generated report in each row, of one system or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ranscore.errors import InputError, list_faults
from ranscore.readers._columns import by_meaning, fold, missing_column, with_roles
from ranscore.readers._reports import reports_of
from ranscore.readers._tables import read_table, remarks_of
from ranscore.records import Report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SystemReports:
    """One system's generated reports with their references, pair by pair and with the same ids."""

    name: str
    reference: tuple[Report, ...]
    generated: tuple[Report, ...]


@dataclass(frozen=True)
class Pairs:
    """The systems of a file in the order in which they come, and what the user should know of it."""

    systems: tuple[SystemReports, ...]
    remarks: tuple[str, ...] = ()


def read_pairs(
    path: Path | str, by: str | None = None, *, reader: str | None = None, encoding: str | None = None
) -> Pairs:
    """The pairs of a table whose rows hold both reports, as one system or as one a value of the column `by`.

    The reference stands in `reference` (also ref, target, ground_truth …) or in `report`, `findings`, `impression`,
    the generated report in `generated` (also hyp, prediction, model_prediction …). Without a column of ids the rows
    are numbered. Raises InputError with all faults.
    """
    table = read_table(path, reader, encoding=encoding)
    where = str(path)
    names = [str(column) for column in table.columns]
    roles = with_roles({fold(name): name for name in names})
    faults = [missing_column("generated", names)] if "generated" not in roles else []
    if not {"reference", "report", "findings", "impression"} & roles.keys():
        faults.append(missing_column("reference", names))
    if faults:
        raise list_faults(where, faults)
    parts = [(Path(path).stem, table)] if by is None else _split(table, where, by)
    systems = [_system(name, part, where if by is None else f"{where}, {by} {name!r}") for name, part in parts]
    return Pairs(tuple(systems), remarks_of(table))


def _split(table: pd.DataFrame, where: str, by: str) -> list[tuple[str, pd.DataFrame]]:
    found, faults = by_meaning(map(str, table.columns))
    if fold(by) not in found:
        raise list_faults(where, [*faults, missing_column(by, list(found.values()), "name the column of systems")])
    values = [str(value).strip() for value in table[found[fold(by)]]]
    blank = [f"{table.index.name} {p}: {by!r} is blank" for p, v in zip(table.index, values, strict=True) if not v]
    if blank:
        raise list_faults(where, blank)
    return [(name, table[[value == name for value in values]]) for name in dict.fromkeys(values)]


def _system(name: str, table: pd.DataFrame, where: str) -> SystemReports:
    try:
        reference = reports_of(table, where, side="reference")
    except InputError as fault:
        if "more than once" in str(fault) and "system" in {fold(str(c)) for c in table.columns}:
            raise InputError(f"{fault}; or give --by system, where several systems stand in one file.") from None
        raise
    return SystemReports(name, reference, reports_of(table, where, side="generated"))


def read_folder(paths: Sequence[Path], *, encoding: str | None = None) -> Pairs:
    """One system a file, named as it, each a table with both reports in a row."""
    parts = [read_pairs(path, encoding=encoding) for path in paths]
    return Pairs(tuple(s for p in parts for s in p.systems), tuple(r for p in parts for r in p.remarks))
