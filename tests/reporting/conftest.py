"""A small cohort with readers, two findings really optimized on it, and what a report gathers from that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ranscore.cohort import Dataset, Panel, dataset_panel, open_dataset
from ranscore.figures import Evidence
from ranscore.freezing import FrozenProgram
from ranscore.labelling._tables import write_labels
from ranscore.labelling.batch import extract
from ranscore.models import open_model
from ranscore.records import LabelTable
from ranscore.reporting import Report, Wanted, gather, make_report
from ranscore.search._recipe import read_recipe
from ranscore.search._rounds import Optimized
from ranscore.search._tracked import Session, optimize_label

TITLE = 'Eighty <script>alert("x")</script> reports & $one$ more'
FINDINGS = ("pneumothorax", "support_devices")
RESAMPLES = 60


@dataclass(frozen=True)
class Store:
    """A tracking folder with two optimized findings, what they gave, and the card of their reports."""

    folder: Path
    card: Path
    dataset: Dataset
    found: dict[str, Optimized]
    runs: dict[str, str]
    session: Session

    def wanted(self, **more: Any) -> Wanted:
        """A report on these reports."""
        return Wanted(**{"dataset": str(self.card), "mlruns": self.folder, "resamples": RESAMPLES, **more})


def cut_panel(panel: Panel, ids: list[str]) -> Iterator[tuple[str, LabelTable]]:
    """The readers' labels of some reports."""
    for name, table in zip(panel.names, panel.tables, strict=True):
        rows = dict(zip(table.report_ids, table.values, strict=True))
        yield name, LabelTable(report_ids=tuple(ids), findings=table.findings, values=tuple(rows[i] for i in ids))


@pytest.fixture(scope="package")
def card(demo: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of eighty demonstration reports with six readers, ages, sexes and a patient for every two reports."""
    folder = tmp_path_factory.mktemp("cohort")
    value = demo.reference.column("pneumothorax")
    ids = [r.report_id for r in demo.reports]
    chosen = sorted({*[i for i in ids if value[i] == 1][:15], *[i for i in ids if value[i] != 1][:65]})
    texts = {r.report_id: r.text for r in demo.reports}
    lines = [
        {"report_id": i, "report": texts[i], "age": 40 + n, "sex": "F" if n % 4 else "M", "patient_id": f"p{n // 2}"}
        for n, i in enumerate(chosen)
    ]
    (folder / "reports.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    for name, table in cut_panel(dataset_panel("demo-en"), chosen):
        write_labels(table, folder / f"{name} & co.csv")
    fields = {
        "name": "eighty", "title": TITLE, "access": "open", "remote": "permitted", "licence": "as demo-en",
        "source": "Written <b>for</b> ranscore.", "reports": {"path": "reports.jsonl"}, "language": "en",
        "reference": {"kind": "raters", "paths": ["*.csv"], "minimum": 4},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(fields), encoding="utf-8")
    return folder / "card.yaml"


@pytest.fixture(scope="package")
def store(card: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two findings really optimized and tracked."""
    dataset, folder = open_dataset(card), tmp_path_factory.mktemp("store") / "mlruns"
    recipe = read_recipe("exemplar-tpe").changed(rounds=2, trials=4, folds=3, fold_trials=2)
    session = Session(dataset, open_model("lexical"), recipe, dataset.notes, folder)
    results = {finding: optimize_label(session, finding) for finding in FINDINGS}
    return Store(
        folder, card, dataset, {f: r[0] for f, r in results.items()}, {f: r[1] for f, r in results.items()}, session
    )


@pytest.fixture(scope="package")
def evidence(store: Store) -> Evidence:
    """What the newest runs of the store show."""
    return gather(store.wanted(newest=True))


@pytest.fixture(scope="package")
def report(evidence: Evidence) -> Report:
    """The report on it."""
    return make_report(evidence)


@pytest.fixture(scope="package")
def seed_labels(card: Path, frozen_seed: FrozenProgram, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the seed's labels of these reports, with all findings."""
    path = tmp_path_factory.mktemp("labels") / "seed.csv"
    write_labels(extract(frozen_seed, open_dataset(card).reports).table, path)
    return path
