"""`ranscore deidentify` as a person types it."""

from __future__ import annotations

import importlib.util
import stat
import sys
from pathlib import Path

import pytest

from ranscore.cli import main

TABLE = (
    "report_id,report\n"
    '1,"Dr. Alvarez compared with 03/14/2023. Transferred from MGH. Small left pneumothorax."\n'
    '2,"报告医师：张小伟 2023年5月6日 左侧气胸。"\n'
)


def run(*arguments: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    before = sys.argv
    sys.argv = ["ranscore", "deidentify", *map(str, arguments)]
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reports.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_table_is_written_and_the_list_is_private(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output holds the findings and no name; key and list can be read by their owner alone."""
    out, key, review = tmp_path / "out" / "clean.csv", tmp_path / "own" / "key", tmp_path / "own" / "review.csv"
    code, said, _ = run(table, "-o", out, "--key", key, "--review", review, capsys=capsys)
    assert code == 0
    text = out.read_text(encoding="utf-8")
    assert "Small left pneumothorax." in text
    assert "左侧气胸。" in text
    assert not [w for w in ("Alvarez", "MGH", "张小伟", "03/14/2023", "2023年5月6日") if w in text + said]
    assert [stat.S_IMODE(p.stat().st_mode) for p in (key, review)] == [0o600, 0o600]
    rows = review.read_text(encoding="utf-8").splitlines()
    assert "MGH" in rows[1]
    assert "2 reports; 1 doubtful" in " ".join(said.split())


def test_the_same_key_gives_the_same_file(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run twice, a table comes out byte for byte the same; with a new key it does not."""
    outs = [tmp_path / "out" / f"{name}.jsonl" for name in "abc"]
    for out, key in zip(outs, ("k1", "k1", "k2"), strict=True):
        assert run(table, "-o", out, "--key", tmp_path / key, capsys=capsys)[0] == 0
    first, second, third = (o.read_bytes() for o in outs)
    assert first == second != third


@pytest.mark.parametrize(
    ("output", "key", "review", "says"),
    [
        ("out/clean.csv", "out/key", None, "expected another folder"),
        ("out/clean.txt", "own/key", None, "found the suffix '.txt'"),
        ("reports.csv", "own/key", None, "is the table of the reports itself"),
        ("out/clean.csv", "own/key", "out/review.csv", "the list holds what was taken out"),
        ("out/clean.csv", "reports.csv", None, "is no key"),
    ],
)
def test_what_would_undo_it_is_refused(
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    output: str,
    key: str,
    review: str | None,
    says: str,
) -> None:
    """One sentence, exit code 2, and nothing is written."""
    more = ["--review", tmp_path / review] if review else []
    code, _, said = run(table, "-o", tmp_path / output, "--key", tmp_path / key, *more, capsys=capsys)
    assert code == 2
    assert says in " ".join(said.split())
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    assert table.read_text(encoding="utf-8") == TABLE


def test_doubtful_places_can_be_kept(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--keep-doubtful leaves them in the text and lists them without a surrogate."""
    out, review = tmp_path / "out" / "clean.csv", tmp_path / "own" / "review.csv"
    options = ("--key", tmp_path / "own" / "key", "--review", review, "--keep-doubtful")
    assert run(table, "-o", out, *options, capsys=capsys)[0] == 0
    assert "MGH" in out.read_text(encoding="utf-8")
    assert review.read_text(encoding="utf-8").splitlines()[1].endswith("False,MGH,")


def test_presidio_that_is_not_there_is_one_sentence(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, or without a model of spaCy, the command says what to install and writes nothing."""
    monkeypatch.setenv("RANSCORE_SPACY_MODEL", str(tmp_path / "none"))
    out = tmp_path / "out" / "clean.csv"
    code, _, said = run(table, "-o", out, "--key", tmp_path / "own" / "key", "--presidio", capsys=capsys)
    installed = importlib.util.find_spec("presidio_analyzer") is not None
    assert code == 2
    assert ("which is no spaCy model" if installed else "pip install 'ranscore[deidentify]'") in " ".join(said.split())
    assert "Traceback" not in said
    assert not out.exists()
