"""Tables of reports: which columns hold the id and the text, and how sections become one text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ranscore.errors import InputError, list_faults
from ranscore.readers._columns import ID, OTHER_IDS, by_meaning, id_column, id_faults, missing_column, with_roles
from ranscore.readers._tables import read_table, rows_of
from ranscore.records import Report, Terms

if TYPE_CHECKING:
    import pandas as pd

ROLES = ("report_id", "report", "findings", "impression", "patient_id", "language", "reference", "generated")
Side = Literal["reference", "generated", ""]
HEADINGS = {"findings": "FINDINGS: ", "impression": "IMPRESSION: "}
CHINESE_HEADINGS = {"findings": "影像所见：", "impression": "诊断意见："}
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def read_reports(
    path: Path | str,
    *,
    reader: str | None = None,
    columns: Mapping[str, str] | None = None,
    language: str = "",
    side: Side = "",
    encoding: str | None = None,
) -> tuple[Report, ...]:
    """The reports of a table in its order: id, text, language and group (the patient).

    The id stands in `report_id`, or in the one of id, uid, study_id, example_id that is there; the text in `report`,
    or else in `findings` and `impression`; the indication is never read. Of a table that holds both the reference and
    the generated reports, `side` says which are read. `columns` maps these roles to a table's own names. A report
    without any text is kept with the text "". Raises InputError with all faults: missing columns, blank and repeated
    ids.
    """
    table = read_table(path, reader, encoding=encoding)
    return reports_of(table, str(path), columns=columns, language=language, side=side)


def reports_of(
    table: pd.DataFrame, where: str, *, columns: Mapping[str, str] | None = None, language: str = "", side: Side = ""
) -> tuple[Report, ...]:
    """The reports of a table that was read already, as `read_reports`; `where` names it in messages."""
    found = roles_of([str(c) for c in table.columns], where, columns or {}, side)
    sources = sources_of(found, side)
    group = found.get("patient_id") or found.get("subject_id")
    reports, places, terms = [], [], table.attrs.get("terms", Terms())
    for number, (place, row) in enumerate(rows_of(table), start=1):
        texts = {source: row[found[source]].strip() for source in sources}
        own = row[found["language"]].strip() if "language" in found else ""
        places.append(place)
        reports.append(
            Report(
                report_id=row[found["report_id"]].strip() if "report_id" in found else str(number),
                text=compose(**texts) if HEADINGS.keys() >= texts.keys() else texts[sources[0]],
                language=language or own,
                group=row[group].strip() if group else "",
                terms=terms,
            )
        )
    faults = list(id_faults([r.report_id for r in reports], places))
    if faults:
        raise list_faults(where, faults)
    return tuple(reports)


def sources_of(found: Mapping[str, str], side: Side = "") -> tuple[str, ...]:
    """The columns that hold the text: one, or findings and impression."""
    if side and side in found:
        return (side,)
    if "report" in found:
        return ("report",)
    sections = tuple(s for s in HEADINGS if s in found)
    return sections or tuple(s for s in ("reference", "generated") if s in found)


def compose(findings: str = "", impression: str = "") -> str:
    """One text of the sections that are not blank, under Chinese headings where the report is Chinese, else English."""
    sections = {"findings": findings, "impression": impression}
    headings = CHINESE_HEADINGS if _CJK.search(findings + impression) else HEADINGS
    return "\n".join(headings[name] + text for name, text in sections.items() if text)


def texts_by_id(
    table: pd.DataFrame, where: str, column: str, *, columns: Mapping[str, str] | None = None
) -> dict[str, str]:
    """One column's text by report id; raises InputError if the column or the id is missing, or an id repeated."""
    found, faults = by_meaning(map(str, table.columns), columns)
    name, more = id_column(found)
    faults += more if column in found else [*more, missing_column(column, list(found.values()))]
    if faults:
        raise list_faults(where, faults)
    rows = [(place, row[name].strip(), row[found[column]].strip()) for place, row in rows_of(table)]
    faults = list(id_faults([i for _, i, _ in rows], [p for p, _, _ in rows]))
    if faults:
        raise list_faults(where, faults)
    return {report_id: text for _, report_id, text in rows}


def roles_of(names: Sequence[str], where: str, columns: Mapping[str, str], side: Side = "") -> dict[str, str]:
    """The columns of a table of reports by their role; raises InputError where the id or the text has none."""
    unknown = [role for role in columns if role not in ROLES]
    if unknown:
        raise InputError(f"{where}: columns are given for {', '.join(unknown)}, expected only {', '.join(ROLES)}.")
    plain, faults = by_meaning(names, columns)
    found = with_roles(plain)
    sides = {"reference", "generated"} & found.keys()
    name, more = id_column(found)
    if more and len(sides) == 2:  # the rows pair the two sides: any id names them, or their number
        name, more = next((found[key] for key in (ID, *OTHER_IDS) if key in found), ""), []
    faults += more
    if not {"report", *HEADINGS} & {*found, *columns}:
        if not sides:
            faults.append(missing_column("report", list(names), "expected it, or findings, impression or both"))
        elif len(sides) == 2 and not side:
            faults.append(
                f"holds two reports a row ({found['reference']!r} and {found['generated']!r}); score it with "
                "`ranscore score --pairs`, or name the one to read as `report` in a card's `columns`"
            )
    if faults:
        raise list_faults(where, faults)
    return {**found, "report_id": name} if name else found
