"""`reference`, `agree` and `split` as commands, and the split's way through `optimize`, `compile` and `evaluate`."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ranscore
from ranscore.catalog import data_files
from ranscore.cli._rounds import gather_notes
from ranscore.cohort import Dataset, open_dataset, read_version
from ranscore.freezing import FrozenProgram, save_frozen
from ranscore.readers import read_labels
from ranscore.splitting import development_part, split_reports

READERS = sorted((data_files("datasets", "*/card.yaml")["demo-zh"].parent / "raters").glob("*.csv"))
Run = Callable[..., tuple[int, str, str]]


def write(path: str, text: str) -> Path:
    """A file in the working folder."""
    Path(path).write_text(text, encoding="utf-8")
    return Path(path)


def test_a_reference_is_made_corrected_and_used(run: Run) -> None:
    """Six files become version 1; a correction becomes version 2; its table and itself are read as labels."""
    assert run("reference", *READERS, "-o", "v1.json", "--table", "v1.csv")[0] == 0
    first = read_version("v1.json")
    assert first.table == read_labels("v1.csv") == read_labels("v1.json") == open_dataset("demo-zh").reference
    cell = first.left_out[0]
    write("c.csv", f"report_id,finding,value,was,why,by\n{cell.report_id},{cell.finding},1,-1,discussed,Dr Lee\n")
    code, out, _ = run("reference", "--correct", "c.csv", "--from", "v1.json", "-o", "v2.json")
    second = read_version("v2.json")
    assert (code, second.version, second.parent) == (0, 2, first.sha256)
    assert f"corrects {first.sha256}: 1 cells" in out
    assert f"{len(second.left_out)} cells left out" in out
    assert second.table.column(cell.finding)[cell.report_id] == 1
    assert read_version("v1.json") == first


def test_the_readers_of_a_dataset_need_no_files(run: Run) -> None:
    """The card names them and the majority; the result is the same, save that nobody typed a path."""
    assert run("reference", "--dataset", "demo-zh", "-o", "a.json")[0] == 0
    assert run("reference", *READERS, "--minimum", "4", "-o", "b.json")[0] == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_a_version_is_never_written_over(run: Run) -> None:
    """The same content again is no change; another is refused, and the file stays."""
    for _ in range(2):
        assert run("reference", "--dataset", "demo-zh", "-o", "a.json")[0] == 0
    before = Path("a.json").read_bytes()
    code, _, said = run("reference", "--dataset", "demo-zh", "--ties", "present", "-o", "a.json")
    assert (code, said) == (
        2,
        "ranscore: a.json: is there already and is never written over; name another file with -o.\n",
    )
    assert Path("a.json").read_bytes() == before


def test_ties_are_settled_by_a_file(run: Run) -> None:
    """Two readers disagree on one report; the adjudicator's word stands, with its reason."""
    for name, value in (("a", 1), ("b", 0)):
        write(f"{name}.csv", f"report_id,Edema,Fracture\n1,{value},0\n2,1,1\n")
    write("d.csv", "report_id,finding,value,why,by\n1,Edema,1,septal lines,Dr Lee\n")
    assert run("reference", "a.csv", "b.csv", "--adjudicate", "d.csv", "-o", "r.json")[0] == 0
    version = read_version("r.json")
    assert version.ties == "adjudicate"
    assert version.settled[0].how == "adjudicated by Dr Lee: septal lines (1 present, 1 absent, 0 uncertain)"
    assert version.left_out == ()


FAULTS = {
    "nothing named": ([], "no readers are named; expected their files"),
    "tie rule": (["--dataset", "demo-zh", "--ties", "excl"], "no tie rule is called 'excl'; did you mean 'exclude'"),
    "minimum": (["--dataset", "demo-zh", "--minimum", "3"], "a minimum of 3 votes does not decide among 6 readers"),
    "two rules": (["--dataset", "demo-zh", "--ties", "absent", "--adjudicate", "x.csv"], "expected one of them"),
    "half a correction": (["--correct", "x.csv"], "expected both --correct FILE and --from OLD.json"),
    "too much": (["--correct", "x.csv", "--from", "y.json", "--minimum", "4"], "go together with -o and --table only"),
    "no version": (["--correct", "x.csv", "--from", "y.json"], "y.json: .*expected a file made by"),
    "no readers": (["--dataset", "openi"], "its reference is of kind 'mesh'"),
    "no dataset": (["--dataset", "demo"], "no dataset is called 'demo'; did you mean 'demo-"),
    "no file": (["nobody.csv"], "nobody.csv: no such file"),
}


@pytest.mark.parametrize(("arguments", "says"), FAULTS.values(), ids=FAULTS)
def test_a_mistake_ends_with_a_sentence_and_no_file(run: Run, arguments: list[str], says: str) -> None:
    """Exit code 2, the mistake in words, nothing written."""
    code, _, said = run("reference", *arguments, "-o", "r.json")
    assert code == 2
    assert "Traceback" not in said
    assert re.search(says, said)
    assert list(Path().iterdir()) == []


def test_faults_of_all_files_come_at_once(run: Run) -> None:
    """Unknown finding, value 2, a missing report, a report that one reader alone has read: one run shows them all."""
    write("a.csv", "report_id,Edema,Fractur\n1,1,0\n2,0,0\n")
    write("b.csv", "report_id,Edema,Fracture\n1,2,0\n2,0,0\n3,0,0\n")
    code, _, said = run("reference", "a.csv", "b.csv", "-o", "r.json")
    assert code == 2
    for fault in (
        "a.csv: column 'Fractur': no finding is called 'Fractur'",
        "b.csv: row 2, report '1', column 'Edema': found '2'",
        "a.csv: no row for 3",
        "b alone has read 3",
    ):
        assert fault in said


def test_agreement_is_printed_and_written(run: Run) -> None:
    """Tables on the screen, everything as CSV and JSON, the three equal."""
    code, out, _ = run("agree", "--dataset", "demo-zh", "--bootstrap", "20", "-o", "a.csv", "--label", "pneumothorax")
    assert code == 0
    assert "Human ceiling" in out
    assert "Cohen's kappa of each pair, Pneumothorax" in out
    assert "The program in each reader's place" not in out
    assert "…" not in out
    printed = json.loads(run("agree", *READERS, "--bootstrap", "20", "--json")[1])
    with Path("a.csv").open(encoding="utf-8") as file:
        rows = {(r["table"], r["finding"], r["figure"], r["reader"]): r for r in csv.DictReader(file)}
    pooled = printed["agreement"][-2]
    row = rows["agreement", "all cells", "fleiss", ""]
    assert [float(row[k]) for k in ("value", "low", "high")] == [
        pooled["fleiss"]["value"],
        *pooled["fleiss"]["interval"],
    ]
    assert rows["ceiling", "all cells", "f1", "rater_3"]["value"] == str(
        printed["ceiling"][-2]["f1"]["raters"]["rater_3"]["value"]
    )
    assert f"{pooled['fleiss']['value']:.3f} [" in out


def test_a_frozen_program_is_placed_among_the_readers(run: Run, frozen_seed: FrozenProgram) -> None:
    """The seed is below six readers, and the table says so; it needs the reports."""
    save_frozen(frozen_seed, Path("p.json"))
    few = "".join(f"{i},{v}\n" for i, v in list(open_dataset("demo-zh").reference.column("edema").items())[:40])
    readers = [write(f"{name}.csv", f"report_id,Edema\n{few}") for name in "abc"]
    placed = ("agree", *readers, "--dataset", "demo-zh", "--program", "p.json")
    code, out, _ = run(*placed, "--bootstrap", "20")
    assert code == 0
    last = out.split("The program in each reader's place")[1]
    assert "below" in last or "within" in last
    assert "…" not in last
    printed = json.loads(run(*placed, "--bootstrap", "0", "--json")[1])
    assert printed["program"] == frozen_seed.sha256
    assert printed["ceiling"][-2]["kappa"]["place"] in ("below", "within")
    code, _, said = run("agree", *READERS, "--program", "p.json")
    assert (code, "name them with --dataset" in said) == (2, True)
    code, _, said = run("agree", *READERS, "--program", "p.json", "--dataset", "demo-en")
    assert (code, "150 reports that the readers read are not in demo-en (such as cn-001" in said) == (2, True)
    assert run("agree", "--dataset", "demo-zh", "--uncertain", "maybe")[0] == 2


def test_readers_agree_on_the_development_part_alone(run: Run) -> None:
    """Of a split dataset the readers' labels of the held-out part stay closed too."""
    assert run("split", "--dataset", "demo-zh", "-o", "s.json")[0] == 0
    code, out, _ = run("agree", "--dataset", "demo-zh", "--split", "s.json", "--bootstrap", 0, "--json")
    assert (code, json.loads(out)["reports"]) == (0, 105)
    code, _, said = run("agree", *READERS, "--split", "s.json")
    assert (code, "name them with --dataset" in said) == (2, True)


def test_a_dataset_is_split_once(run: Run, small_card: Path) -> None:
    """The same command again changes nothing; another seed needs another file."""
    code, out, _ = run("split", "--dataset", small_card, "-o", "s.json")
    assert code == 0
    assert "42 development and 18 held-out reports of small, by report, seed 0" in out
    assert "Pneumothorax" in out
    assert run("split", "--dataset", small_card, "-o", "s.json")[0] == 0
    code, _, said = run("split", "--dataset", small_card, "-o", "s.json", "--seed", 1)
    assert (code, "is never written over" in said) == (2, True)
    assert run("split", "--dataset", small_card, "-o", "s.csv")[0] == 2
    assert run("split", "--dataset", small_card, "-o", "t.json", "--share", 2)[0] == 2


def test_a_program_tuned_with_a_split_is_scored_on_its_held_out_part(run: Run, small_card: Path) -> None:
    """Optimize and compile see the development part, evaluate counts its openings; a program of all is refused."""
    quick = ("--rounds", 1, "--trials", 3, "--folds", 0)
    data = ("--dataset", small_card)
    assert run("split", *data, "-o", "s.json")[0] == 0
    code, _, said = run("optimize", "--label", "Pneumothorax", *data, "--split", "s.json", *quick)
    assert (code, "on small (42 reports)" in said) == (0, True)
    assert run("compile", *data, "--split", "s.json", "-o", "p.json", "--no-golden")[0] == 0
    held = ("evaluate", *data, "--program", "p.json", "--split", "s.json", "--part", "heldout", "--bootstrap", 0)
    for opening in (1, 2):
        code, out, said = run(*held, "--json")
        assert (code, json.loads(out)["n_reports"]) == (0, 18)
        assert f"Opening {opening} of this held-out part, recorded in" in said
    code, out, said = run(*held[:-3], "development", "--bootstrap", 0, "--json")
    assert (code, json.loads(out)["n_reports"], "Opening" in said) == (0, 42, False)
    assert "The program was tuned on reports of small: its figures here are too good." in said
    for command in (
        ("evaluate", *data, "--program", "p.json"),
        ("models", *data, "--program", "p.json", "--model", "lexical"),
        ("stability", *data, "--program", "p.json"),
        ("compare", "p.json", "p.json", *data),
        ("report", "p.json", *data),
        ("probe", *data, "--program", "p.json"),
    ):
        code, out, said = run(*command)
        assert (code, out) == (2, ""), command
        assert "tuned on 42 of the 60 reports of small, and the others may be its held-out part" in said
    code, out, _ = run("models", *data, "--split", "s.json", "--program", "p.json", "--model", "lexical")
    assert (code, "on small, 42 reports" in out, "all figures here are too good" in out) == (0, True, True)
    code, out, _ = run("stability", *data, "--split", "s.json", "--program", "p.json", "--repeats", 2, "--json")
    assert (code, json.loads(out)["reports"]) == (0, 42)
    few = ("--probe", "repeat_report", "--reports", 3, "--carriers", 0)
    code, out, _ = run("probe", *data, "--split", "s.json", "--program", "p.json", *few)
    assert (code, "repeat_report" in out) == (0, True)
    assert run("optimize", "--label", "Pneumothorax", *data, *quick)[0] == 0
    assert run("compile", *data, "-o", "all.json", "--no-golden")[0] == 0
    code, _, said = run("evaluate", *data, "--program", "all.json", "--split", "s.json", "--part", "heldout")
    assert code == 2
    assert "Pneumothorax was tuned on 60 reports of small" in said


def test_evaluate_wants_a_split_and_its_part_together(run: Run, small_card: Path) -> None:
    """Half of it, an unknown part, and a file that is no split."""
    write("x.json", "{}")
    for more, says in (
        (["--split", "x.json"], "go together; expected both or neither"),
        (["--part", "heldout"], "go together; expected both or neither"),
        (["--split", "x.json", "--part", "test"], "no part is called 'test'; known: development, heldout."),
        (["--split", "x.json", "--part", "heldout"], "Field required"),
        (["--split", "nothing.json", "--part", "development"], "expected a file made by `ranscore split`"),
    ):
        code, out, said = run("evaluate", "--dataset", small_card, "--seed-program", *more)
        assert (code, out) == (2, "")
        assert says in said


def test_the_commands_run_as_a_process(tmp_path: Path) -> None:
    """A mistake in a process of its own: one sentence on standard error, exit code 2."""
    environment = os.environ | {"PYTHONPATH": str(Path(ranscore.__file__).parents[1])}
    command = [sys.executable, "-m", "ranscore", "reference", "nobody.csv", "-o", "r.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "ranscore: readers' labels: nobody.csv: no such file or folder; check the path.\n"


def test_notes_on_held_out_reports_never_reach_the_search(run: Run, demo: Dataset, tmp_path: Path) -> None:
    """Neither the dataset's own notes nor those of --notes, which may speak of any of its reports."""
    split = split_reports(demo)
    held, seen = split.heldout.report_ids[0], split.development.report_ids[0]
    rows = [f"{i},Edema,present,,because" for i in (held, seen)]
    notes = write("notes.csv", "report_id,finding,reads_as,evidence,why\n" + "\n".join(rows))
    about = [n.report_id for n in gather_notes(demo, development_part(demo, split), notes, None, tmp_path)]
    assert set(about) <= set(split.development.report_ids)
    assert about.count(seen) == 1 + [n.report_id for n in demo.notes].count(seen)
    assert len(about) == 1 + sum(n.report_id in split.development.report_ids for n in demo.notes)
