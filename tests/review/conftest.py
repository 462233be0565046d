"""A small cohort with errors on purpose and text that no page should trip over, and the page served on this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ranscore import catalog
from ranscore.cohort import Dataset, open_dataset
from ranscore.feedback.ledger import Ledger, open_ledger
from ranscore.loop import Reviewed, open_review, panel_of
from ranscore.models import open_model
from ranscore.review.app import make_app, serve
from ranscore.review.desk import Desk
from ranscore.review.rounds import RoundKeeper, Setting
from ranscore.review.security import Gate, Guard, make_gate
from ranscore.search._recipe import read_recipe

SULCUS = "The left costophrenic sulcus is abnormally deep and lucent."
MISSED = [
    f"FINDINGS: Supine portable. {SULCUS} Heart not enlarged.\nIMPRESSION: Chest tube recommended.",
    "FINDINGS: The right costophrenic sulcus is deep and lucent. No effusion.\nIMPRESSION: Urgent call made.",
    "FINDINGS: A deep and lucent sulcus is seen on the left. No fracture.\nIMPRESSION: Discussed with the ward.",
    "FINDINGS: The sulcus on the right is now deep and lucent.\nIMPRESSION: Follow up.",
    "FINDINGS: Lungs are clear. There is a deep and lucent left sulcus.\nIMPRESSION: As above.",
]
HOSTILE = {
    "script": "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">",
    "markup": "<b>bold</b> &amp; {{ 7 * 7 }} {% raw %} ${1+1} </article></main>",
    "rtl": "\u202eesrever\u202c \u0627\u0644\u0635\u062f\u0631 \u0633\u0644\u064a\u0645",
    "emoji": "\U0001f600 \U0001fac1 e\u0301 \U0001f468\u200d\u2695\ufe0f",
    "control": "bell\x07 escape\x1b[31m null\x00 delete\x7f tab\t end",
}


def _write_cohort(folder: Path, reports: dict[str, str], present: set[str], language: str = "en") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    texts = [{"report_id": i, "report": text} for i, text in reports.items()]
    findings = catalog.finding_ids()
    labels = [{"report_id": i, **{f: int(f == "pneumothorax" and i in present) for f in findings}} for i in reports]
    for name, rows in (("reports", texts), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    card = {
        "name": folder.name, "title": "Made for tests", "access": "open", "remote": "permitted", "licence": "none",
        "source": "made here", "reports": {"path": "reports.jsonl"}, "language": language,
        "reference": {"kind": "labels", "paths": ["labels.jsonl"]},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    return folder / "card.yaml"


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five missed pneumothoraces by a sign, five false ones in reports with hostile text, and thirty plain reports."""
    reports = {f"missed-{n}": text for n, text in enumerate(MISSED, 1)}
    present = set(reports)
    for name, text in HOSTILE.items():
        reports[f"odd-{name}"] = f"FINDINGS: {text} Pneumothorax.\nIMPRESSION: None."
    for n in range(10):
        reports[f"plain-{n}"] = f"FINDINGS: Left apical pneumothorax of {n + 2} mm.\nIMPRESSION: Pneumothorax."
        present.add(f"plain-{n}")
        reports[f"clear-{n}"] = f"FINDINGS: The lungs are clear, film {n}. No pneumothorax.\nIMPRESSION: Normal."
        reports[f"other-{n}"] = f"FINDINGS: Heart size is {n + 10} cm. The sulci are sharp.\nIMPRESSION: Normal."
    return _write_cohort(tmp_path_factory.mktemp("cohort") / "hostile", reports, present)


@pytest.fixture(scope="session")
def long_card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One report of 200 kB with a pneumothorax in its last line, and one without."""
    long = "FINDINGS: " + "The lungs are clear and the heart is normal. " * 4450 + "\nIMPRESSION: Pneumothorax."
    reports = {"long": long, "short": "FINDINGS: Left pneumothorax."}
    return _write_cohort(tmp_path_factory.mktemp("cohort") / "long", reports, {"short"})


@dataclass
class Site:
    """A page with its parts: `ledger` is what it writes, `desk` what it knows."""

    desk: Desk
    gate: Gate
    setting: Setting
    ledger: Ledger

    @property
    def root(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self.gate.port}"

    def app(self) -> Guard:
        """The application without a server."""
        return make_app(self.desk, self.gate, RoundKeeper(self.desk.take), self.setting)

    @contextmanager
    def served(self) -> Iterator[str]:
        """The page on a real port; its address."""
        ready = threading.Event()
        named: dict[str, Any] = {"until_done": True}
        thread = threading.Thread(
            target=serve, args=(self.desk, self.gate, "127.0.0.1", self.setting, ready.set), kwargs=named
        )
        thread.start()
        try:
            assert ready.wait(60), "the server did not start"
            yield self.root
        finally:
            reader = next(iter(self.gate.readers), self.gate.reader)
            headers = {"origin": self.root, "x-ranscore-csrf": self.gate.csrf_token(reader)}
            cookies = {self.gate.cookie: self.gate.readers[reader]} if self.gate.readers else {}
            httpx2.post(f"{self.root}/api/done", json={}, headers=headers, cookies=cookies, trust_env=False, timeout=60)
            thread.join(90)
            assert not thread.is_alive(), "the server did not end"


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def review_seed(dataset: str, findings: tuple[str, ...]) -> tuple[Dataset, dict[str, Reviewed]]:
    """A dataset and the seed's labels of it."""
    opened, model = open_dataset(dataset), open_model("lexical")
    return opened, {f: open_review(opened, f, model, seed=True) for f in findings}


MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(card: Path, tmp_path: Path, mlruns: Path) -> MakeSite:
    """Makes a page on the small cohort, or on another dataset; its notes go to a new ledger."""

    def make(
        dataset: str | Path = card, findings: tuple[str, ...] = ("pneumothorax",), readers: tuple[str, ...] = ("anna",),
        **recipe: Any,
    ) -> Site:  # fmt: skip
        opened, reviewed = review_seed(str(dataset), findings)
        ledger = open_ledger(tmp_path / "notes.db")
        desk = Desk(opened, ledger, open_model("lexical"), panel_of(dataset), mlruns, reviewed)
        chosen = read_recipe("exemplar-tpe").changed(**{"rounds": 1, "trials": 8, "folds": 0, **recipe})
        setting = Setting(str(dataset), None, "lexical", None, chosen, ledger.path, mlruns)
        return Site(desk, make_gate(readers, "127.0.0.1", free_port()), setting, ledger)

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """The page on the small cohort for one reader."""
    return make_site()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; the test is skipped without one."""
    named = os.environ.get("RANSCORE_CHROMIUM")
    found = named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium: install Debian's package chromium, or name one in RANSCORE_CHROMIUM")
    return found
