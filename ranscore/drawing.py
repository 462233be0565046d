"""A cohort drawn from a dataset or a table: its parts as datasets of their own, their flow, their Table 1."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ranscore.cards import Card, ReportSource
from ranscore.catalog import asked_ids, finding_name, yaml_text
from ranscore.cohort import Source, digest_reports
from ranscore.describing import count_sexes, measure_texts, quartiles_of, read_ages, shares_of
from ranscore.errors import InputError, list_faults
from ranscore.extraction.module import label_table
from ranscore.figures import Table, flow_picture, render, to_csv
from ranscore.figures._tables import words
from ranscore.folders import write_folder
from ranscore.freezing import load_frozen
from ranscore.readers import read_table, rows_of
from ranscore.readers._columns import fold, id_column
from ranscore.records import PRESENT, LabelTable, Record, Report, digest_of
from ranscore.sampling import Candidate, Drawn, Exclusion, Flow, Kept, Recipe, draw, screen
from ranscore.sections import choose_sections, read_policy
from ranscore.splitting import Part

AGES = ("age", "patient_age", "patientage", "年龄")
SEXES = ("sex", "patient_sex", "patientsex", "gender", "性别")
FREQUENT = 10


class CohortFile(Record):
    """`cohort.json`: where the parts come from, how they were drawn, what they hold; `sha256` is of all the rest.

    A part's `texts_digest` is the digest that its card's dataset has, `positives` are by `labels`.
    """

    format: Literal["ranscore-cohort-1"] = "ranscore-cohort-1"
    source: str
    source_digest: str
    labels: str
    recipe: Recipe
    parts: dict[str, Part]
    files: dict[str, str]
    sha256: str = ""

    def content_digest(self) -> str:
        """The digest that `sha256` must hold."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))


@dataclass(frozen=True)
class DrawnCohort:
    """The parts with all that is known of them; `labels` are those of the drawn reports, made as `labelled_by` says."""

    source: Source
    recipe: Recipe
    drawn: Drawn
    reports: dict[str, tuple[Report, ...]]
    labels: LabelTable
    labelled_by: str
    flow: Flow
    table: Table
    remarks: tuple[str, ...]


def read_details(path: Path) -> dict[str, dict[str, str]]:
    """A table's columns by folded name, by report id; raises InputError."""
    table = read_table(path)
    found = {fold(str(c)): str(c) for c in table.columns}
    name, faults = id_column(found)
    if faults:
        raise list_faults(str(path), faults)
    return {row[name].strip(): {key: row[c] for key, c in found.items()} for _, row in rows_of(table)}


def draw_cohort(source: Source, recipe: Recipe, labels: LabelTable | None = None, name: str = "") -> DrawnCohort:
    """The cohort of a recipe; enrichment and Table 1 go by `labels` (called `name`), else by the release program.

    Raises InputError where there are too few reports, or only some name their patient.
    """
    _check_patients(source)
    screened = screen(source.reports, source.details, recipe)
    kept = {k.report.report_id: k for k in screened.kept}
    labelled_by = name if labels else f"release program {load_frozen().sha256}"
    stated = _stated(screened.kept, tuple(recipe.enrich), labels)
    gone = ", ".join(f"{e.reports} {e.why}" for e in screened.excluded)
    drawn = draw(
        (Candidate(i, k.report.group, k.text, stated.get(i, frozenset()), k.copies) for i, k in kept.items()),
        recipe, f"cohort of {source.name}", f" of {len(source.reports)}{gone and f' (left out: {gone})'}",
    )  # fmt: skip
    reports = {part: tuple(kept[i].report for i in drawn.part(part)) for part in recipe.parts}
    chosen = [kept[p.report_id] for p in drawn.placed]
    table = _labelled(chosen, labels, asked_ids())
    return DrawnCohort(
        source, recipe, drawn, reports, table, labelled_by,
        flow=_flow(source, screened.excluded, screened.kept, drawn, reports),
        table=_describe(source, recipe, drawn, reports, kept, table, labelled_by),
        remarks=(*source.remarks, *drawn.remarks, *_gaps(chosen, labels)),
    )  # fmt: skip


def write_cohort(cohort: DrawnCohort, folder: Path) -> CohortFile:
    """Writes the folder whole or not at all, readable to its owner alone unless the source is open."""
    files = {
        f"{part}/{name}": content
        for part, reports in cohort.reports.items()
        for name, content in (("reports.csv", _rows(reports)), ("card.yaml", _card(cohort, part)))
    }
    drawn = render(flow_picture(cohort.flow))
    about = cohort.flow.model_dump(mode="json") | {"remarks": cohort.remarks}
    files |= {
        "sampling.csv": _sampling(cohort.drawn),
        "flow.json": _json(about),
        "flow.svg": drawn.svg,
        "flow.png": drawn.png,
        "table1.csv": to_csv(cohort.table).encode(),
    }
    record = _record(cohort, files)
    card = cohort.source.card
    write_folder(
        folder,
        files | {"cohort.json": _json(record.model_dump(mode="json"))},
        private=not card or card.access != "open",
    )
    return record


def _check_patients(source: Source) -> None:
    named = sum(bool(r.group) for r in source.reports)
    if 0 < named < len(source.reports):
        raise InputError(
            f"cohort of {source.name}: {len(source.reports) - named} of {len(source.reports)} reports name no patient; "
            "expected a patient for each report, or no patient column."
        )


def _labelled(kept: Sequence[Kept], labels: LabelTable | None, findings: Sequence[str]) -> LabelTable:
    """The labels of these reports by the table, or else by the release program on their Findings and Impression."""
    if labels is not None:
        rows = dict(zip(labels.report_ids, labels.values, strict=True))
        ids = tuple(k.report.report_id for k in kept if k.report.report_id in rows)
        return LabelTable(report_ids=ids, findings=labels.findings, values=tuple(rows[i] for i in ids))
    frozen = load_frozen()
    programs = [p for p in frozen.programs() if p.finding in findings]
    texts = [k.report.model_copy(update={"text": k.text}) for k in kept]
    return label_table(programs, texts, frozen.open_model())[0]


def _stated(kept: Sequence[Kept], findings: tuple[str, ...], labels: LabelTable | None) -> dict[str, frozenset[str]]:
    """The enriched findings that each report states."""
    if not findings:
        return {}
    derived = set(findings) - set(asked_ids())
    table = _labelled(kept, labels, asked_ids() if derived else findings)
    unknown = [finding_name(f) for f in findings if f not in table.findings]
    if unknown:
        raise InputError(
            f"--enrich: the labels have no column for {', '.join(unknown)}; expected one for each finding."
        )
    columns = {f: table.column(f) for f in findings}
    return {i: frozenset(f for f in findings if columns[f][i] == PRESENT) for i in table.report_ids}


def _gaps(chosen: Sequence[Kept], labels: LabelTable | None) -> tuple[str, ...]:
    missing = {k.report.report_id for k in chosen} - set(labels.report_ids if labels else ())
    return (f"{len(missing)} of {len(chosen)} drawn reports have no labels",) if labels and missing else ()


def _flow(
    source: Source, excluded: tuple[Exclusion, ...], kept: Sequence[Kept], drawn: Drawn,
    reports: Mapping[str, Sequence[Report]],
) -> Flow:  # fmt: skip
    passed = (
        Exclusion(key="patient", why="patient stands in another part", reports=drawn.other_patient),
        Exclusion(key="near", why="near-duplicate of a report in another part", reports=drawn.near_duplicate),
    )
    return Flow(
        source=source.name,
        read=len(source.reports),
        read_patients=_patients(source.reports),
        excluded=excluded,
        eligible=len(kept),
        eligible_patients=_patients([k.report for k in kept]),
        passed_over=tuple(p for p in passed if p.reports),
        not_needed=drawn.not_needed,
        parts={name: len(held) for name, held in reports.items()},
        patients={name: _patients(held) for name, held in reports.items()},
    )


def _patients(reports: Sequence[Report]) -> int | None:
    return len({r.group for r in reports}) if any(r.group for r in reports) else None


def _describe(
    source: Source, recipe: Recipe, drawn: Drawn, reports: Mapping[str, Sequence[Report]], kept: Mapping[str, Kept],
    labels: LabelTable, labelled_by: str,
) -> Table:  # fmt: skip
    """Table 1: a column a part."""
    columns = [_characteristics(source, held, kept) for held in reports.values()]
    names = list(columns[0])
    rows = [(name, *(column[name] for column in columns)) for name in names]
    present = {f: {i for i, v in labels.column(f).items() if v == PRESENT} for f in labels.findings}
    drawn_ids = {p.report_id for p in drawn.placed}
    frequent = sorted(present, key=lambda f: (-len(present[f] & drawn_ids), f))[:FREQUENT]
    shown = [*frequent, *(f for f in recipe.enrich if f not in frequent)]
    rows += [(finding_name(f), *(_share(drawn, part, present[f], labels) for part in reports)) for f in shown]
    note = f"Findings present by {labelled_by}, the most frequent {FREQUENT} and those enriched."
    return Table(
        "table1", f"Parts of the cohort of {source.name}", ("Characteristic", *reports),
        tuple(tuple(words(text) for text in row) for row in rows), (note,),
    )  # fmt: skip


def _characteristics(source: Source, reports: Sequence[Report], kept: Mapping[str, Kept]) -> dict[str, str]:
    rows = [source.details.get(r.report_id, {}) for r in reports]
    ages, sexes = read_ages(_first(rows, AGES)), count_sexes(_first(rows, SEXES))
    lengths, unit = measure_texts([kept[r.report_id].text for r in reports])
    patients = _patients(reports)
    return {
        "Reports": str(len(reports)),
        "Patients": "not known" if patients is None else str(patients),
        "Age known": str(len(ages or ())),
        "Age, years: median (quartiles)": _quartiles(ages),
        "Sex": shares_of(sexes, len(reports)),
        f"Length, {unit}: median (quartiles)": _quartiles(lengths),
    }


def _quartiles(values: Sequence[float] | None) -> str:
    if not values:
        return "not known"
    low, middle, high = quartiles_of(values)
    return f"{middle:g} ({low:g} to {high:g})"


def _first(rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> list[str] | None:
    """The column of the first of these names that holds anything."""
    for name in names:
        found = [row.get(name, "").strip() for row in rows]
        if any(found):
            return found
    return None


def _share(drawn: Drawn, part: str, present: set[str], labels: LabelTable) -> str:
    """How many of a part's labelled reports, and their share; by the weights too where these differ."""
    there = set(labels.report_ids)
    held = [p for p in drawn.placed if p.part == part and p.report_id in there]
    if not held:
        return "not known"
    k = sum(p.report_id in present for p in held)
    text = f"{k} ({100 * k / len(held):.1f} %"
    if len({p.weight for p in held}) > 1:
        weighted = sum(p.weight for p in held if p.report_id in present) / sum(p.weight for p in held)
        text += f"; weighted {100 * weighted:.1f} %"
    return text + ")"


def _rows(reports: Sequence[Report]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["report_id", "patient_id", "report"])
    writer.writerows([r.report_id, r.group, r.text] for r in reports)
    return text.getvalue().encode("utf-8")


def _sampling(drawn: Drawn) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["part", "report_id", "stratum", "weight", "copies"])
    writer.writerows([p.part, p.report_id, "+".join(sorted(p.stratum)), repr(p.weight), p.copies] for p in drawn.placed)
    return text.getvalue().encode("utf-8")


def _card(cohort: DrawnCohort, part: str) -> bytes:
    """The part's card; a table without a card gives a restricted one, since nobody has said whose text it is."""
    own, name = cohort.source.card, f"{cohort.source.name}-{part}"
    how = f"Drawn by `ranscore cohort` from {cohort.source.name}, seed {cohort.recipe.seed}."
    made = Card(
        name=name,
        title=f"{part.capitalize()} part of a cohort of {cohort.source.name}",
        language=own.language if own else "",
        access=own.access if own else "restricted",
        remote=own.remote if own else "refused",
        licence=own.licence if own else "not known",
        citation=own.citation if own else "",
        source=f"{how} {own.source}" if own else how,
        terms=own.terms if own else "The table it was drawn from has no card that says where its text may go.",
        reports=(ReportSource(path="reports.csv"),),
        sections=own.sections if own else None,
    )
    data = made.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return yaml_text(data | {"reports": {"path": "reports.csv"}}).encode("utf-8")


def _record(cohort: DrawnCohort, files: Mapping[str, bytes]) -> CohortFile:
    table = cohort.labels
    present = {f: {i for i, v in table.column(f).items() if v == PRESENT} for f in table.findings}
    draft = CohortFile(
        source=cohort.source.name,
        source_digest=digest_reports(cohort.source.reports),
        labels=cohort.labelled_by,
        recipe=cohort.recipe,
        parts={name: _part(cohort, reports, present) for name, reports in cohort.reports.items()},
        files={name: "sha256:" + hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    )
    return draft.model_copy(update={"sha256": draft.content_digest()})


def _part(cohort: DrawnCohort, reports: Sequence[Report], present: Mapping[str, set[str]]) -> Part:
    ids = tuple(sorted(r.report_id for r in reports))
    card = cohort.source.card
    read = choose_sections(reports, read_policy(card.sections))[0] if card and card.sections else reports
    counts = {f: len(held & set(ids)) for f, held in present.items()}
    return Part(
        report_ids=ids, ids_digest=digest_of(ids), texts_digest=digest_reports(read),
        positives={f: n for f, n in sorted(counts.items()) if n},
    )  # fmt: skip


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode("utf-8")
