"""Runs, frozen programs and tables of labels to systems whose figures stand side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ranscore.agreement import AgreementReport, measure_agreement
from ranscore.catalog import asked_ids, finding_name
from ranscore.cohort import Dataset, Panel
from ranscore.errors import InputError
from ranscore.figures import Comparison, Curve, Kind, Origin, Side, System
from ranscore.freezing import FrozenProgram, freeze_seed, load_frozen
from ranscore.labelling.batch import extract
from ranscore.models import is_served, open_model
from ranscore.policies import pick_findings
from ranscore.readers import read_labels
from ranscore.records import PRESENT, UNANSWERED, UNCERTAIN, LabelTable
from ranscore.reference import derive_no_finding
from ranscore.reference.derive import NO_FINDING
from ranscore.reporting._runs import Run, check_round
from ranscore.reporting._sides import Settings, compare_sides, gather_columns, make_side, shared_findings
from ranscore.splitting import tuned_on

Labelled = tuple[Side, LabelTable]
Built = tuple[System, LabelTable | None]


def group_runs(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs by system: by model, or by model and recipe where a finding has several runs of a model.

    Raises InputError for two runs of one finding, model and recipe.
    """
    keys = [(run.kept.tags.get("model", ""), run.kept.tags.get("recipe", ""), run.kept.finding) for run in runs]
    alone = len({(model, finding) for model, _, finding in keys}) == len(keys)
    twice = sorted({finding_name(key[2]) for key in keys if keys.count(key) > 1})
    if twice:
        raise InputError(
            f"{', '.join(twice)}: several of the runs have the same finding, model and recipe; expected one of them."
        )
    groups: dict[str, list[Run]] = {}
    for run, (model, recipe, _) in zip(runs, keys, strict=True):
        groups.setdefault(model if alone else f"{model}, {recipe}", []).append(run)
    order = asked_ids()
    return {name: sorted(group, key=lambda r: order.index(r.kept.finding)) for name, group in groups.items()}


def check_runs(runs: Sequence[Run], dataset: Dataset) -> None:
    """Raises InputError unless all runs were made on these very reports and this reference."""
    own = {"dataset_digest": dataset.digest, "reference_digest": dataset.reference_digest}
    for run in runs:
        differing = [key.removesuffix("_digest") for key in own if run.kept.tags.get(key) != own[key]]
        if differing:
            raise InputError(
                f"run {run.kept.run_id} ({run.name}) was made on another {' and '.join(differing)} than "
                f"{dataset.name}'s; expected the reports and reference of the run: name them with --dataset, and the "
                "development part of a split with --split."
            )


def system_of_runs(name: str, runs: Sequence[Run], dataset: Dataset, settings: Settings) -> Built:
    """The seed, the kept programs on the reports that tuned them, and the cross-validated labels."""
    reference = {run.kept.finding: dataset.reference.column(run.kept.finding) for run in runs}
    for run in runs:
        check_round(run, 0, reference[run.kept.finding])
        check_round(run, run.kept_round, reference[run.kept.finding])
    columns: dict[Kind, dict[str, Mapping[str, int]]] = {
        "seed": {r.kept.finding: r.rounds[0].labels(reference[r.kept.finding]) for r in runs},
        "tuned-on": {r.kept.finding: r.rounds[r.kept_round].labels(reference[r.kept.finding]) for r in runs},
        "cross-validated": {r.kept.finding: r.crossed for r in runs if r.crossed is not None},
    }
    sides: list[Labelled] = []
    for kind, found in columns.items():
        if found:
            table = gather_columns(dataset.reference, found)
            known = kind == "cross-validated"
            sides.append((make_side(kind, dataset.reference, table, settings, complete=known), table))
    main = sides[-1][1] if "cross-validated" in sides[-1][0].kind else _unknown(sides[-1][1], dataset.reference)
    system = System(
        name=name,
        model=runs[0].kept.tags.get("model", ""),
        seen=True,
        sides=tuple(side for side, _ in sides),
        comparisons=_comparisons(sides, dataset, settings),
        curves=tuple(_curve(run, dataset) for run in runs),
        origins=tuple(_origin(run) for run in runs),
    )
    return system, main


def _unknown(labels: LabelTable, reference: LabelTable) -> LabelTable:
    """The labels without those of cells whose reference is uncertain, which a round does not keep."""
    truth = dict(zip(reference.report_ids, pick_findings(reference, list(labels.findings)).values, strict=True))
    values = [
        tuple(UNANSWERED if t == UNCERTAIN else v for v, t in zip(row, truth[i], strict=True))
        for i, row in zip(labels.report_ids, labels.values, strict=True)
    ]
    return labels.model_copy(update={"values": tuple(values)})


def _comparisons(sides: Sequence[Labelled], dataset: Dataset, settings: Settings) -> tuple[Comparison, ...]:
    return tuple(compare_sides(dataset.reference, sides[0], side, settings) for side in sides[1:])


def _curve(run: Run, dataset: Dataset) -> Curve:
    values = list(dataset.reference.column(run.kept.finding).values())
    return Curve(
        finding=run.kept.finding,
        name=run.name,
        kappas=tuple(current.kappa for current in run.rounds),
        kept=run.kept_round,
        crossed=run.kept.metrics.get("cv_kappa"),
        has_crossed=run.crossed is not None,
        positives=values.count(PRESENT),
    )


def _origin(run: Run) -> Origin:
    return Origin(
        finding=run.kept.finding,
        name=run.name,
        run_id=run.kept.run_id,
        started=f"{run.kept.start_time:%Y-%m-%d %H:%M}",
        recipe=run.kept.tags.get("recipe", ""),
        stopped=run.kept.tags.get("stopped", ""),
        program_digest=run.kept.tags.get("program_digest", ""),
        prompt_digest=run.program.prompt_sha256,
    )


def system_of_frozen(path: Path, dataset: Dataset, settings: Settings) -> Built:
    """A frozen program beside the seed, on these reports; its recorded cross-validated scores where they are of these.

    Raises InputError for a program whose model is not in this process, since a report asks no endpoint, and for one
    that was tuned on a part of these reports.
    """
    frozen = load_frozen(path)
    if is_served(frozen.model.name):
        raise InputError(
            f"{path}: its model {frozen.model.name} runs elsewhere, and a report asks no endpoint; expected its "
            f"labels: make them with `ranscore extract`, and give them with --generated {path.stem}=labels.csv."
        )
    tuned_on(frozen, dataset)
    model = open_model(frozen.model.name)
    seed = extract(freeze_seed(), dataset.reports, model).table
    seed = pick_findings(seed, [f for f in seed.findings if f in frozen.findings or f == NO_FINDING])
    labels = extract(frozen, dataset.reports, model).table
    seen = any(x.data and x.data.dataset_digest == dataset.digest for x in frozen.findings.values())
    shared = [f for f in labels.findings if f in seed.findings]
    kind: Kind = "tuned-on" if seen else "applied"
    sides = [
        (make_side("seed", dataset.reference, pick_findings(seed, shared), settings), pick_findings(seed, shared)),
        (make_side(kind, dataset.reference, labels, settings, program_digest=frozen.sha256), labels),
    ]
    crossed = _recorded(frozen, dataset)
    system = System(
        name=path.stem,
        model=frozen.model.name,
        seen=seen,
        sides=(*(side for side, _ in sides), *([crossed] if crossed else [])),
        comparisons=_comparisons(sides, dataset, settings),
        origins=tuple(_frozen_origin(frozen, f) for f in frozen.findings),
        digests={f"Frozen program {path.name}": frozen.sha256},
        versions=frozen.versions,
    )
    return system, None if crossed else labels


def _recorded(frozen: FrozenProgram, dataset: Dataset) -> Side | None:
    """The cross-validated scores in the file, if all of them are of these reports and this reference."""
    scores = []
    for found in frozen.findings.values():
        own = found.data and (found.data.dataset_digest, found.data.reference_digest)
        if own != (dataset.digest, dataset.reference_digest) or found.cross_validated is None:
            return None
        scores.append(found.cross_validated)
    return Side("cross-validated", tuple(scores))


def _frozen_origin(frozen: FrozenProgram, finding: str) -> Origin:
    found = frozen.findings[finding]
    return Origin(
        finding=finding,
        name=finding_name(finding),
        run_id=found.run_id,
        recipe=found.recipe or found.source,
        program_digest=found.program.digest(),
        prompt_digest=found.prompt_sha256,
    )


def system_of_labels(text: str, dataset: Dataset, settings: Settings) -> Built:
    """The labels that a table holds for these reports, as `NAME=FILE` or `FILE`; No Finding derived if it has none.

    Raises InputError for a table of other reports or without a finding of the reference.
    """
    name, _, place = text.rpartition("=")
    path = Path(place)
    table = read_labels(path)
    ours, theirs = set(dataset.reference.report_ids), set(table.report_ids)
    if ours != theirs:
        raise InputError(
            f"{path}: {len(ours - theirs)} of the {len(ours)} reports of {dataset.name} are missing and "
            f"{len(theirs - ours)} are not in it; expected the same reports."
        )
    unsure = sum(row.count(UNCERTAIN) for row in table.values)
    if unsure:
        raise InputError(f"{path}: holds {unsure} uncertain cells; expected 1, 0, or blank where there is no answer.")
    if set(asked_ids()) <= set(table.findings) and NO_FINDING not in table.findings:
        table = derive_no_finding(table)
    shared = shared_findings([table, dataset.reference])
    if not shared:
        raise InputError(f"{path}: labels no finding of {dataset.name}'s reference; expected at least one.")
    rows = dict(zip(table.report_ids, pick_findings(table, shared).values, strict=True))
    ids = dataset.reference.report_ids
    labels = LabelTable(report_ids=ids, findings=tuple(shared), values=tuple(rows[i] for i in ids))
    side = make_side("labels", dataset.reference, labels, settings)
    digests = {f"Labels {path.name}": labels.digest()}
    return System(name=name or path.stem, model="", seen=False, sides=(side,), digests=digests), labels


def measure_panel(panel: Panel, labels: LabelTable | None, settings: Settings) -> AgreementReport:
    """The readers' agreement, and the human ceiling with these labels in a reader's place."""
    if labels is not None and not set(labels.findings) & set(panel.tables[0].findings):
        labels = None
    return measure_agreement(panel.tables, panel.names, labels, bootstrap=settings.resamples, seed=settings.seed)
