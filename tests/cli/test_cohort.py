"""`ranscore cohort`: the folder that it writes."""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from ranscore.cli import main
from ranscore.cohort import Dataset, digest_reports, open_dataset, open_reports, read_card
from ranscore.drawing import CohortFile
from ranscore.sampling import Flow, shingles_of

Run = Callable[..., tuple[int, str, str]]
SIZES = ("--part", "taxonomy=60", "--part", "development=60", "--part", "test=100")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `cohort` in an empty folder: its exit code, what it printed, and what it said on standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ranscore", "cohort", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), printed.out, printed.err

    return command


def table_of(demo: Dataset, path: Path, seed: int | None = None, **columns: Callable[[int], str]) -> Path:
    """The demonstration reports as a table of one's own, shuffled where a seed is given."""
    rows = [
        {"report_id": r.report_id, "report": r.text, **{name: value(i) for name, value in columns.items()}}
        for i, r in enumerate(demo.reports)
    ]
    if seed is not None:
        random.Random(seed).shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_parts_are_datasets_with_digests_and_a_flow(run: Run, tmp_path: Path) -> None:
    """Each part opens by its card, holds what the cohort file says, and shares nothing with another."""
    code, out, err = run("demo-en", "-o", "made", *SIZES)
    assert (code, err) == (0, "")
    record = CohortFile.model_validate_json((tmp_path / "made/cohort.json").read_text(encoding="utf-8"))
    assert record.content_digest() == record.sha256
    assert record.sha256 in out
    texts = {}
    for part, held in record.parts.items():
        card, reports, _ = open_reports(tmp_path / "made" / part / "card.yaml")
        assert (card.access, card.remote, card.licence) == ("open", "permitted", "Apache-2.0")
        assert tuple(sorted(r.report_id for r in reports)) == held.report_ids
        assert digest_reports(reports) == held.texts_digest
        texts[part] = [shingles_of(r.text, 3) for r in reports]
    assert {part: len(t) for part, t in texts.items()} == {"taxonomy": 60, "development": 60, "test": 100}
    for a, b in combinations(texts, 2):
        assert not set(record.parts[a].report_ids) & set(record.parts[b].report_ids)
        assert max(len(x & y) / len(x | y) for x in texts[a] for y in texts[b]) < 0.8
    for name, digest in record.files.items():
        assert "sha256:" + hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() == digest
    flow = json.loads((tmp_path / "made/flow.json").read_text(encoding="utf-8"))
    assert flow.pop("remarks") == []
    assert Flow.model_validate(flow).read == 300
    assert sum(e["reports"] for e in flow["excluded"]) == 300 - flow["eligible"]


def test_a_flow_that_does_not_add_up_is_refused() -> None:
    """So that no diagram can say other numbers than its parts."""
    good = Flow(
        source="x", read=5, read_patients=None, excluded=(), eligible=5, eligible_patients=None, passed_over=(),
        not_needed=2, parts={"a": 3}, patients={"a": None},
    )  # fmt: skip
    for change in ({"read": 6}, {"not_needed": 1}, {"parts": {"a": 2}}):
        with pytest.raises(ValueError, match="do not add up"):
            Flow.model_validate(good.model_dump() | change)


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(run: Run, demo: Dataset, tmp_path: Path) -> None:
    """Every file, pictures included; another seed draws other reports."""
    (tmp_path / "other").mkdir()
    first = table_of(demo, tmp_path / "reports.csv")
    shuffled = table_of(demo, tmp_path / "other/reports.csv", seed=3)
    assert run(first, "-o", "a", *SIZES)[0] == 0
    assert run(shuffled, "-o", "b", *SIZES)[0] == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert run(first, "-o", "c", *SIZES, "--seed", 1)[0] == 0
    assert contents(tmp_path / "a")["test/reports.csv"] != contents(tmp_path / "c")["test/reports.csv"]


def test_patients_stay_together_and_studies_bring_columns(run: Run, demo: Dataset, tmp_path: Path) -> None:
    """A table of the studies tells modality, age and sex; CT studies fall out and Table 1 knows the ages."""
    reports = table_of(demo, tmp_path / "reports.csv", patient_id=lambda i: f"p{i % 150}")
    rows = [f"{r.report_id},{'CT' if i < 10 else 'DX'},{40 + i % 20},F" for i, r in enumerate(demo.reports)]
    (tmp_path / "studies.csv").write_text("report_id,Modality,Age,Sex\n" + "\n".join(rows) + "\n", encoding="utf-8")
    sizes = ("--part", "taxonomy=40", "--part", "development=40", "--part", "test=60")
    code, out, err = run(reports, "-o", "made", *sizes, "--studies", "studies.csv")
    assert (code, err) == (0, "")
    assert re.search(r"not of the chest, by the study's columns +-10\n", out)
    held = {}
    for part in ("taxonomy", "development", "test"):
        _, found, _ = open_reports(tmp_path / "made" / part / "card.yaml")
        held[part] = {r.group for r in found}
        assert not {r.report_id for r in found} & {r.report_id for r in demo.reports[:10]}
    assert not any(held[a] & held[b] for a, b in combinations(held, 2))
    table = (tmp_path / "made/table1.csv").read_text(encoding="utf-8")
    assert "Age known,40,40,60" in table
    assert "female 60 (100.0 %)" in table


def test_enrichment_by_the_reference(run: Run, tmp_path: Path) -> None:
    """At least k positives by the dataset's own reference stand in the development part, with weights."""
    code, _, err = run("demo-en", "-o", "made", *SIZES, "--enrich", "Fracture=12", "--labels", "reference")
    assert code == 0
    assert "not reached" not in err
    truth = open_dataset("demo-en").reference.column("fracture")
    with (tmp_path / "made/sampling.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "development"]
    assert sum(truth[row["report_id"]] == 1 for row in rows) >= 12
    assert {row["stratum"] for row in rows if truth[row["report_id"]] == 1} == {"fracture"}
    flow = json.loads((tmp_path / "made/flow.json").read_text(encoding="utf-8"))
    assert sum(float(row["weight"]) for row in rows) == pytest.approx(flow["eligible"])


def test_enrichment_by_the_release_program_that_cannot_be_reached_is_told(run: Run, tmp_path: Path) -> None:
    """On standard error and in the flow, with the number that was found."""
    code, _, err = run("demo-en", "-o", "made", *SIZES, "--enrich", "Cavity and Cyst=59")
    assert code == 0
    assert "enrichment not reached" in err
    flow = json.loads((tmp_path / "made/flow.json").read_text(encoding="utf-8"))
    assert flow["remarks"][0] in err


@pytest.mark.parametrize("access", ["restricted", "undeclared"])
def test_private_parts_are_for_their_owner_alone(run: Run, demo: Dataset, tmp_path: Path, access: str) -> None:
    """Of a restricted dataset, and of a table of which nobody has said whose text it is."""
    source = table_of(demo, tmp_path / "reports.csv")
    if access == "restricted":
        card = {
            "name": "clinic", "title": "A clinic's reports", "access": "restricted", "remote": "refused",
            "licence": "internal", "source": "Ask.", "terms": "The clinic forbids it.", "language": "en",
            "reports": {"path": "reports.csv"}, "sections": "findings+impression",
        }  # fmt: skip
        source = tmp_path / "card.yaml"
        source.write_text(json.dumps(card), encoding="utf-8")
    assert run(source, "-o", "made", *SIZES)[0] == 0
    paths = [tmp_path / "made", *(tmp_path / "made").rglob("*")]
    assert {p.stat().st_mode & 0o777 for p in paths if p.is_dir()} == {0o700}
    assert {p.stat().st_mode & 0o777 for p in paths if p.is_file()} == {0o600}
    made, _ = read_card(tmp_path / "made/test/card.yaml")
    assert (made.access, made.remote) == ("restricted", "refused")
    if access == "restricted":
        assert (made.terms, made.licence) == ("The clinic forbids it.", "internal")
        assert made.sections == "findings+impression"
    others = [content for name, content in contents(tmp_path / "made").items() if not name.endswith("reports.csv")]
    assert len(others) == 9
    assert not any(r.text.encode() in content for r in demo.reports for content in others)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demo-en",), "6300 are wanted"),
        (("demo-en", "--part", "test"), "expected NAME=N"),
        (("demo-en", *SIZES, "--enrich", "Fractur=3"), "did you mean 'Fracture'"),
        (("demo-en", *SIZES, "--labels", "nowhere.csv"), "no such file"),
        (("demo-en", *SIZES, "--chest", "maybe"), "should be 'auto', 'text' or 'off', found 'maybe'"),
        (("nowhere.csv", *SIZES), "nowhere.csv"),
    ],
)
def test_a_mistake_is_one_sentence_and_writes_nothing(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Exit code 2, and no folder, not even a hidden one."""
    code, out, err = run(*arguments, "-o", "made")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_written_over(run: Run, tmp_path: Path) -> None:
    """What stands there stays."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made/mine.txt").write_text("mine", encoding="utf-8")
    code, _, err = run("demo-en", "-o", "made", *SIZES)
    assert code == 2
    assert "never written over" in err
    assert contents(tmp_path / "made") == {"mine.txt": b"mine"}


def test_a_recipe_file_is_read_and_the_command_line_changes_it(run: Run, tmp_path: Path) -> None:
    """The file's sizes hold where no option says otherwise; the cohort file keeps what was used."""
    (tmp_path / "mine.yaml").write_text("parts: {tuning: 20, test: 30}\nseed: 4\nshingle: 5\n", encoding="utf-8")
    assert run("demo-zh", "-o", "made", "--recipe", "mine.yaml", "--part", "test=25")[0] == 0
    recipe = json.loads((tmp_path / "made/cohort.json").read_text(encoding="utf-8"))["recipe"]
    assert (recipe["parts"], recipe["seed"], recipe["shingle"]) == ({"tuning": 20, "test": 25}, 4, 5)
    (tmp_path / "bad.yaml").write_text("parts: {Tuning: 20}\nsed: 4\n", encoding="utf-8")
    code, _, err = run("demo-zh", "-o", "other", "--recipe", "bad.yaml")
    assert code == 2
    assert "sed" in err
    assert "small letters" in err


def test_open_i_is_drawn_without_near_duplicates(
    run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On real reports, where templates abound: no pair of two parts is near, by comparing the drawn ones."""
    if not (shared / "openi/reports.csv").is_file():
        pytest.skip("the shared folder has no Open-I")
    monkeypatch.setenv("RANSCORE_OPENI", str(shared / "openi"))
    sizes = ("--part", "taxonomy=300", "--part", "development=100", "--part", "test=100")
    assert run("openi", "-o", "made", *sizes)[0] == 0
    cards = sorted((tmp_path / "made").glob("*/card.yaml"))
    texts = [[shingles_of(r.text, 3) for r in open_reports(card)[1]] for card in cards]
    assert [len(t) for t in texts] == [100, 300, 100]
    near = sum(len(x & y) >= 0.8 * len(x | y) for a, b in combinations(texts, 2) for x in a for y in b)
    assert near == 0
