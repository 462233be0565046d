"""`errors`, `notes` and `delphi` as commands: a queue is filled in, imported, used by `optimize`, and told about."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ranscore.catalog import data_files
from ranscore.cohort import Dataset, read_adjudication
from ranscore.feedback.ledger import open_ledger
from ranscore.freezing import freeze_seed, release_path, save_frozen
from ranscore.readers import encode_sheet, read_table, unprotect

Run = Callable[..., tuple[int, str, str]]
RATERS = sorted((data_files("datasets", "*/card.yaml")["demo-en"].parent / "raters").glob("*.csv"))
DELPHI = "round,reader,finding,accuracy,kappa\n" + "".join(
    f"1,{reader},{finding},0.5,0.{kappa}\n"
    for finding in ("Pneumothorax", "Edema")
    for reader, kappa in zip("ABC", "111", strict=True)
)


def fill(path: Path, small: Dataset, *, bad: bool = False) -> int:
    """Fills a queue in as a reader would, with the cohort's own notes; how many rows have a verdict."""
    table, filled = read_table(path), 0
    notes = {n.report_id: n for n in small.notes if n.finding == "pneumothorax" and n.evidence}
    rows = [{c: unprotect(v) if path.suffix == ".csv" else v for c, v in r.items()} for r in table.to_dict("records")]
    for row in rows:
        note = notes.get(row["report_id"])
        if note and note.reads_as == "present":
            row |= {"verdict": "false absent", "reason": "synonym", "evidence": note.evidence, "note": f"={note.why}"}
            filled += 1
    if bad:
        next(row for row in rows if not row["verdict"])["verdict"] = "flase present"
    path.write_bytes(encode_sheet(path, list(table.columns), rows))
    return filled


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_queue_is_filled_in_imported_used_and_told_about(
    run: Run, small_card: Path, small: Dataset, suffix: str
) -> None:
    """The way of a team without a server, from the errors of the seed to what became of each note."""
    data = ("--dataset", small_card)
    code, out, _ = run("errors", "--label", "Pneumothorax", "--seed-program", *data, "-o", f"q{suffix}")
    assert code == 0
    assert "program: seed" in out
    assert "It holds report text" in out
    filled = fill(Path(f"q{suffix}"), small)
    assert filled >= 2
    ledger = ("--ledger", "notes.db")
    assert f"{filled} new entries" in run("notes", "--import", f"q{suffix}", "--reader", "Dr A", *data, *ledger)[1]
    assert "0 new entries" in run("notes", "--import", f"q{suffix}", "--reader", "Dr A", *data, *ledger)[1]
    quick = ("--trials", 6, "--rounds", 1, "--folds", 0)
    code, out, err = run("optimize", "--label", "Pneumothorax", *data, *quick, "--notes-from", "notes.db")
    assert code == 0
    assert f"{filled} notes of notes.db" in err
    _, out, _ = run("notes", "--label", "Pneumothorax", *data, *ledger)
    mine = [line for line in out.splitlines() if "Dr A" in line]
    assert f"{filled} notes of the ledger" in out
    assert any(" kept " in line and line.rstrip().endswith("yes") for line in mine)


def test_faulty_rows_keep_the_good_ones_out_unless_asked(run: Run, small_card: Path, small: Dataset) -> None:
    """One line a bad row and nothing written; with --partial the good rows are taken."""
    data = ("--dataset", small_card, "--ledger", "notes.db")
    run("errors", "--label", "Pneumothorax", "--seed-program", *data[:2], "-o", "q.csv")
    filled = fill(Path("q.csv"), small, bad=True)
    code, _, err = run("notes", "--import", "q.csv", "--reader", "Dr A", *data)
    assert code == 2
    assert "verdict: found 'flase present', expected one of false present" in err
    assert "1 rows cannot be taken, so none was" in err
    assert open_ledger(Path("notes.db")).entries() == ()
    code, out, _ = run("notes", "--import", "q.csv", "--reader", "Dr A", "--partial", *data)
    assert (code, f"{filled} new entries" in out) == (0, True)
    code, _, err = run("notes", "--import", "q.csv", *data)
    assert (code, "reader: found nothing" in err) == (2, True)


def test_the_ledger_goes_out_and_into_another(run: Run, small_card: Path, small: Dataset) -> None:
    """An export is read by another team's ledger to the same notes, and is never written over."""
    data = ("--dataset", small_card)
    run("errors", "--label", "Pneumothorax", "--seed-program", *data, "-o", "q.csv")
    fill(Path("q.csv"), small)
    run("notes", "--import", "q.csv", "--reader", "Dr A", *data, "--ledger", "one.db")
    assert run("notes", "--export", "n.xlsx", *data, "--ledger", "one.db")[0] == 0
    assert run("notes", "--import", "n.xlsx", *data, "--ledger", "two.db")[0] == 0
    assert open_ledger(Path("two.db")).entries() == open_ledger(Path("one.db")).entries() != ()
    Path("n.csv").write_text("mine", encoding="utf-8")
    code, _, err = run("notes", "--export", "n.csv", *data, "--ledger", "one.db")
    assert (code, "never written over" in err, Path("n.csv").read_text(encoding="utf-8")) == (2, True, "mine")


def test_reference_wrong_proposes_a_version(run: Run, small_card: Path, small: Dataset) -> None:
    """A vote becomes the table that `ranscore reference --correct` takes; the ledger and the reference stay."""
    data, ids = ("--dataset", small_card), small.reference.report_ids
    rows = [
        {"report_id": ids[0], "finding": "Edema", "verdict": "reference wrong", "evidence": "", "note": "dry lungs"}
    ]
    Path("v.csv").write_bytes(encode_sheet(Path("v.csv"), list(rows[0]), rows))
    run("notes", "--import", "v.csv", "--reader", "Dr A", *data, "--ledger", "n.db")
    code, out, _ = run("notes", "--corrections", "c.csv", *data, "--ledger", "n.db")
    assert (code, "1 for, 0 against" in out) == (0, True)
    (decision,) = read_adjudication("c.csv")
    was = small.reference.column("edema")[ids[0]]
    assert (decision.report_id, decision.was, decision.value, decision.by) == (ids[0], was, 1 - was, "Dr A")


def test_programs_and_readers_are_compared_without_a_reference(run: Run, small_card: Path) -> None:
    """Two frozen programs, and two readers' tables, differ in a queue of their own; JSON holds all of it."""
    save_frozen(freeze_seed(), Path("seed.json"))
    code, out, _ = run(
        "errors", "--label", "Pneumothorax", "--dataset", small_card, "--program", release_path(),
        "--against", "seed.json", "--show", 0,
    )  # fmt: skip
    assert code == 0
    assert "frozen release.json / frozen seed.json" in out
    assert "differs" in out
    code, out, _ = run("errors", "--label", "Edema", "--rater", RATERS[0], "--rater", RATERS[1], "-o", "r.json")
    assert (code, "rater_1 / rater_2" in out) == (0, True)
    items = json.loads(Path("r.json").read_text(encoding="utf-8"))["items"]
    assert items
    assert {(i["kind"], i["finding"]) for i in items} == {("differs", "edema")}
    assert all(i["answer"] != i["reference"] and i["report"] for i in items)


def test_where_nothing_is_wrong_the_queue_is_empty(run: Run) -> None:
    """A reader compared with himself has no row."""
    Path("same.csv").write_bytes(RATERS[0].read_bytes())
    code, out, _ = run("errors", "--label", "Edema", "--rater", RATERS[0], "--rater", "same.csv")
    assert (code, out.startswith("0 disagreements")) == (0, True)


def test_delphi_says_who_agrees_and_its_medians_are_targets(run: Run, small_card: Path) -> None:
    """Consensus ends the rounds; an open finding gets a sheet; optimize stops at the medians."""
    Path("d.csv").write_text(DELPHI, encoding="utf-8")
    code, out, _ = run("delphi", "d.csv", "--next", "n.csv")
    assert (code, "Consensus on all 2 findings" in out, Path("n.csv").exists()) == (0, True, False)
    Path("open.csv").write_text(DELPHI.replace("C,Edema,0.5,0.1", "C,Edema,0.5,0.9"), encoding="utf-8")
    code, out, _ = run("delphi", "open.csv", "--next", "n.csv")
    assert (code, "another round for: Edema" in out, Path("n.csv").exists()) == (0, True, True)
    quick = ("--dataset", small_card, "--trials", 2, "--folds", 0)
    code, out, err = run("optimize", "--label", "Pneumothorax", *quick, "--target-from", "open.csv")
    assert code == 0
    assert "no consensus yet on Edema" in err
    assert "targets reached" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("errors", "--label", "Pneumothorx"), "did you mean 'Pneumothorax'"),
        (("errors", "--label", "No Finding"), "No Finding"),
        (("errors", "--label", "Edema", "-o", "q.ods"), "expected one of .csv, .xlsx, .json"),
        (("errors", "--label", "Edema", "--rater", "a.csv"), "expected two readers' tables"),
        (("errors", "--label", "Edema", "--program", "p.json", "--seed-program"), "expected one of them"),
        (("errors", "--label", "Edema", "--program", "p.json"), "p.json: No such file"),
        (("notes", "--export", "a.csv", "--import", "b.csv"), "do one thing each"),
        (("notes", "--partial"), "belong to --import"),
        (("notes", "--export", "a.csv", "--ledger", "none.db"), "there is no ledger of notes yet"),
        (("notes", "--import", "none.csv", "--ledger", "x.db"), "none.csv: no such file"),
        (("optimize", "--label", "Edema", "--notes-from", "none.db"), "there is no such ledger"),
        (("optimize", "--label", "all", "--review"), "reviews one finding"),
        (("optimize", "--label", "Edema", "--target-from", "d.csv", "--target-kappa", "0.9"), "take --target-accuracy"),
        (("delphi", "none.csv"), "none.csv: no such file"),
        (("delphi", "d.csv", "--next", "n.json"), "expected .csv or .xlsx"),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    """Exit code 2, no traceback, and nothing is left behind."""
    code, _, err = run(*arguments)
    assert (code, said in err, "Traceback" in err) == (2, True, False), err
    assert not [p.name for p in Path().iterdir() if p.suffix in (".ods", ".json", ".csv")]
