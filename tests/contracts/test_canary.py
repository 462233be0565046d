"""Marked reports of a restricted cohort go through the commands: no mark is found where no report belongs."""

from __future__ import annotations

import gzip
import io
import json
import os
import socketserver
import sqlite3
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ranscore import catalog
from tests.models.fault_server import FaultServer, Plan

DRIVER = Path(__file__).with_name("canary_run.py")
PASSAGE = "vexolith crescent at the apex"
NOTE = "The vexolith crescent of Zarbomir means it; see 9081726354."
MARKS = ("vexolith", "quenzarra", "zarbomir", "9081726354", "甄秘标", "左侧玄隙征")
COUNT = 6


def write_cohort(folder: Path, access: str = "restricted") -> Path:
    """A cohort whose reports hold marks: in findings, names, numbers, in English and in Chinese; the card's path."""
    folder.mkdir(parents=True)
    texts, labels, notes = {}, [], []
    for n in range(COUNT):
        head = f"Patient: Quenzarra Zarbomir {n}, MRN 9081726354.\nFINDINGS: Heart is {n + 8} cm."
        texts[f"sign-{n}"] = f"{head} There is a vexolith crescent at the apex.\nIMPRESSION: Urgent call."
        texts[f"told-{n}"] = f"{head} Left pneumothorax of {n + 2} mm.\nIMPRESSION: Pneumothorax, quenzarra."
        texts[f"clear-{n}"] = f"{head} No pneumothorax, and no vexolith shadow.\nIMPRESSION: Normal."
        texts[f"zh-{n}"] = f"患者：甄秘标{n}\n影像所见：左侧玄隙征，心影{n + 8}厘米。\n诊断：请结合临床。"
    for i in texts:
        kind = i.split("-")[0]
        labels.append(
            {"report_id": i, **{f: int(f == "pneumothorax" and kind != "clear") for f in catalog.finding_ids()}}
        )
        evidence = {"sign": PASSAGE, "zh": "左侧玄隙征"}.get(kind)
        if evidence:
            notes.append({
                "note_id": f"n-{i}", "report_id": i, "finding": "pneumothorax", "reads_as": "present",
                "evidence": evidence, "why": f"{NOTE} {evidence}", "reader": "anna",
            })  # fmt: skip
    reports = [{"report_id": i, "report": text} for i, text in texts.items()]
    for name, rows in (("reports", reports), ("labels", labels), ("notes", notes)):
        lines = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    card = {
        "name": "marked", "title": "Marked reports", "access": access, "remote": "permitted", "licence": "none",
        "terms": "The hospital forbids third parties", "source": "made here", "reports": {"path": "reports.jsonl"},
        "language": "en", "reference": {"kind": "labels", "paths": ["labels.jsonl"]}, "notes": {"path": "notes.jsonl"},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    return folder / "card.yaml"


class Recorder:
    """A proxy on this machine that keeps what it is sent and brings nothing anywhere."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        recorder = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(5)
                with suppress(OSError):
                    recorder.seen.append(self.request.recv(1 << 20))
                    self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def recording_proxy() -> Iterator[Recorder]:
    """The proxy, served."""
    made = Recorder()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


def run_plan(tree: Path, plan: list[Any], proxy: str, **variables: str) -> tuple[list[int], str]:
    """The exit codes of a plan in a process whose every folder lies in the tree, and what it printed."""
    for name in ("home", "tmp", "work", "logs"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    own = {
        k: v for k, v in os.environ.items()
        if k in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    }  # fmt: skip
    home, tmp = str(tree / "home"), str(tree / "tmp")
    own |= {
        "HOME": home, "USERPROFILE": home, "TMPDIR": tmp, "TEMP": tmp, "TMP": tmp, "PYTHONPATH": str(DRIVER.parents[2]),
        "PYTHONUTF8": "1", "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy,
        "http_proxy": proxy, "https_proxy": proxy, "all_proxy": proxy, "OPENAI_API_KEY": "none-at-all", **variables,
    }  # fmt: skip
    path = tree.with_name("plan.json")
    path.write_text(json.dumps(plan), encoding="utf-8")
    log = tree / "logs" / "said"
    with log.open("wb") as said_to:
        command = [sys.executable, str(DRIVER), str(path)]
        found = subprocess.run(command, cwd=tree / "work", env=own, stdout=said_to, stderr=said_to, timeout=150)
    said = log.read_text(encoding="utf-8", errors="replace")
    assert found.returncode == 0, said[-3000:]
    return json.loads(path.with_suffix(".codes").read_text()), said


def marks_in(data: bytes) -> set[str]:
    """The marks in some bytes: as UTF-8, UTF-16, GB18030, or escaped as in JSON, in any case of letters."""
    low = data.lower()
    found = set()
    for mark in MARKS:
        escaped = json.dumps(mark)[1:-1]
        forms = [mark.encode(e) for e in ("utf-8", "utf-16-le", "utf-16-be", "gb18030")]
        forms += [escaped.encode(), escaped.replace("\\", "\\\\").encode()]
        if any(form.lower() in low for form in forms):
            found.add(mark)
    return found


def find_marks(tree: Path, apart: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """The files of a tree that hold marks, opened where they are databases, tables or compressed; `apart` left out."""
    found = {}
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if not path.is_file() or name.startswith(apart):
            continue
        marks = marks_in(name.encode())
        for data in _layers(path):
            marks |= marks_in(data)
        if marks:
            found[name] = marks
    return found


def _layers(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    yield data
    if data[:16] == b"SQLite format 3\0":
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        yield from _unpacked(value if isinstance(value, bytes) else str(value).encode())
    elif data[:4] == b"PAR1":
        import pyarrow.parquet

        yield str(pyarrow.parquet.read_table(path).to_pylist()).encode()
    else:
        yield from _unpacked(data)


def _unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what they hold where they are compressed."""
    yield data
    with suppress(OSError, EOFError, zlib.error):
        yield gzip.decompress(data)
    with suppress(zlib.error):
        yield zlib.decompress(data)
    with suppress(zipfile.BadZipFile, NotImplementedError, RuntimeError):
        archive = zipfile.ZipFile(io.BytesIO(data))
        for name in archive.namelist():
            yield archive.read(name)


def plan_of(card: Path, tree: Path, base: str, failing: str) -> list[tuple[int, Any]]:
    """What a clinic would do from its reports to a score, each step with its exit code; `kept` may hold text."""
    for name in ("out", "exported", "kept"):
        (tree / name).mkdir()
    runs, program, labels = str(tree / "mlruns"), str(tree / "out" / "program.json"), str(tree / "out" / "labels.csv")
    kept, reports = str(tree / "kept" / "mlruns"), str(card.with_name("reports.jsonl"))
    data, m = ["--dataset", str(card)], ["--mlruns", runs]
    optimize = ["optimize", "--label", "Pneumothorax", *data, "--rounds", "1", "--trials", "4", "--folds"]
    served, broken = (["--model", "openai/m", "--api-base", b] for b in (base, failing))
    far = ["extract", str(card), "-o", str(tree / "out" / "far.csv"), "--model"]
    return [
        (0, [*optimize, "2", *m]),
        (0, {"review": {"card": str(card), "mlruns": runs, "passage": PASSAGE, "note": NOTE}}),
        (0, [*optimize, "0", *m]),
        (0, [*optimize, "0", *m, *served, "--writer", "openai/w"]),
        (0, [*optimize, "0", "--mlruns", kept, "--log-text", "--keep-report-text"]),
        (0, ["notes", *data, "--label", "Pneumothorax", *m]),
        (0, ["notes", *data, "--export", str(tree / "exported" / "notes.csv"), *m]),
        (0, ["compile", "-o", program, *data, *m]),
        (0, ["compile", "-o", str(tree / "kept" / "program.json"), *data, "--mlruns", kept]),
        (0, ["extract", str(card), "-o", labels, "--ways", str(tree / "out" / "ways.csv"), "--program", program]),
        (3, ["extract", str(card), "-o", str(tree / "out" / "served.parquet"), "--program", program, *broken,
             "--timeout", "2"]),
        (0, ["score", "--reference", labels, "--generated", reports, "--program", program, "--bootstrap", "20",
             "--per-report", str(tree / "out" / "per-report.csv")]),
        (0, ["report", "--all", *data, "-o", str(tree / "out" / "report.html"), "--bootstrap", "20", *m]),
        (0, ["stability", *data, "--limit", "1", "--repeats", "2", "--program", program, *served]),
        (2, [*far, "openai/gpt-4o-mini"]),
        (2, [*far, "openai/m", "--api-base", "https://api.example.invalid/v1"]),
        (0, [*far[:-1], "--model", "lexical", "--allow-remote"]),
    ]  # fmt: skip


@dataclass(frozen=True)
class Walk:
    """The tree after the plan, what was printed, the exit codes beside the expected ones, and what the proxy saw."""

    tree: Path
    said: str
    codes: list[tuple[int, int, str]]
    proxied: list[bytes]
    sent: list[bytes]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Marked reports gone through all commands in one process."""
    tree = tmp_path_factory.mktemp("canary") / "tree"
    card = write_cohort(tree / "input")
    says = Plan(wrong=0.05, empty=0.02, thinking=0.02, seed=3)
    fails = replace(says, busy=0.02, broken=0.02, reset=0.01, cut=0.01)
    with FaultServer(says) as server, FaultServer(fails) as failing, recording_proxy() as proxy:
        plan = plan_of(card, tree, server.base, failing.base)
        codes, said = run_plan(tree, [step for _, step in plan], proxy.address)
        steps = [step[0] if isinstance(step, list) else "review" for _, step in plan]
        ended = list(zip(steps, [code for code, _ in plan], codes, strict=True))
        return Walk(tree, said, ended, list(proxy.seen), [*server.raw, *failing.raw])


def test_every_step_ended_as_it_should(walk: Walk) -> None:
    """The commands did their work: labels, a score, a report, and a request for each report on this machine."""
    assert [c for c in walk.codes if c[1] != c[2]] == [], walk.said[-5000:]
    assert (walk.tree / "out" / "report.html").stat().st_size > 10_000
    assert sum(b"vexolith" in raw for raw in walk.sent) > 100
    assert {json.loads(raw)["model"] for raw in walk.sent} == {"m", "w"}


def test_no_mark_is_found_where_no_report_belongs(walk: Walk) -> None:
    """Tracking, caches, logs, ledgers, labels, frozen program, report page and temporary files hold no report text."""
    assert find_marks(walk.tree, ("input/", "exported/", "kept/")) == {}
    assert len(list(walk.tree.rglob("*.db"))) > 2


def test_an_export_of_notes_reads_as_they_were_written(walk: Walk) -> None:
    """The exported notes, which the reader asked for, hold his words and the marked passages."""
    text = (walk.tree / "exported" / "notes.csv").read_text(encoding="utf-8-sig")
    assert text.count(NOTE) == text.count(PASSAGE) == COUNT


def test_text_that_was_asked_for_is_found_and_said(walk: Walk) -> None:
    """With --log-text and --keep-report-text the marks are in tables and programs, which say so."""
    found = find_marks(walk.tree / "kept")
    assert any(name.endswith("errors.csv") for name in found)
    assert json.loads((walk.tree / "kept" / "program.json").read_text(encoding="utf-8"))["contains_report_text"]
    assert "program.json" in found
    with sqlite3.connect(walk.tree / "kept" / "mlruns" / "mlflow.db") as database:
        said = database.execute("SELECT value FROM tags WHERE key = 'contains_report_text'").fetchall()
    assert set(said) == {("true",)}


def test_nothing_went_through_the_proxy(walk: Walk) -> None:
    """Requests to this machine go through no proxy of the environment, and nothing goes elsewhere."""
    assert walk.proxied == []
    assert walk.said.count("nothing was sent: dataset marked is restricted") == 2
    assert walk.said.count("The hospital forbids third parties") == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_what_is_kept_is_private(walk: Walk) -> None:
    """Folders of tracking, ledgers and caches are for their owner alone, and so is every file in them."""
    kept = [walk.tree / "mlruns", *walk.tree.rglob("*.ledger"), walk.tree / "home" / ".cache" / "ranscore"]
    assert len(kept) == 5
    open_ones = [p for f in kept for p in (f, *f.rglob("*")) if p.stat().st_mode & 0o077]
    assert open_ones == []


def test_the_search_finds_every_form_of_a_mark(tmp_path: Path) -> None:
    """Marks are found as UTF-8, UTF-16, GB18030, escaped, compressed, in a database and in a table."""
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "a").write_bytes("x 甄秘标".encode("gb18030"))
    (tmp_path / "b").write_bytes("x Zarbomir".encode("utf-16"))
    (tmp_path / "c").write_text(json.dumps({"x": json.dumps("甄秘标")}))
    (tmp_path / "d").write_bytes(gzip.compress(b"vexolith " * 9))
    with sqlite3.connect(tmp_path / "e") as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (?)", (gzip.compress(b"QUENZARRA " * 9),))
    pyarrow.parquet.write_table(pyarrow.table({"x": ["vexolith"] * 99}), tmp_path / "f", compression="zstd")
    with zipfile.ZipFile(tmp_path / "g", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", "9081726354 " * 9)
    (tmp_path / "h").write_bytes(b"vexolite, zarbomi, 908172635")
    assert sorted(find_marks(tmp_path)) == list("abcdefg")
