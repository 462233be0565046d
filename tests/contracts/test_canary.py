"""Marked reports of a restricted cohort go through the commands: no mark is found where no report belongs."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
        texts[f"zh-{n}"] = f"患者：甄秘标{n}\n影像所见：左侧玄隙征，心影{n + 8}厘米。\n诊断：请结合临床。"  # noqa: RUF001
    for i in texts:
        kind = i.split("-")[0]
        labels.append({"report_id": i, **{f: int(f == "pneumothorax" and kind != "clear") for f in catalog.finding_ids()}})
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


def plan_of(card: Path, tree: Path, base: str, failing: str) -> list[Any]:
    """What a clinic would do from its reports to a score."""
    m = ["--mlruns", str(tree / "mlruns")]
    o = lambda name: str(tree / "out" / name)  # noqa: E731
    (tree / "out").mkdir(exist_ok=True)
    (tree / "exported").mkdir(exist_ok=True)
    optimize = ["optimize", "--label", "Pneumothorax", "--dataset", str(card), "--rounds", "1", "--trials", "4", *m]
    served, broken = (["--model", "openai/m", "--api-base", b] for b in (base, failing))
    reports = str(card.with_name("reports.jsonl"))
    return [
        [*optimize, "--folds", "2"],
        {"review": {"card": str(card), "mlruns": m[1], "passage": PASSAGE, "note": NOTE}},
        [*optimize, "--folds", "0"],
        [*optimize, "--folds", "0", *served],
        ["notes", "--dataset", str(card), "--label", "Pneumothorax", *m],
        ["notes", "--dataset", str(card), "--export", str(tree / "exported" / "notes.csv"), *m],
        ["compile", "-o", o("program.json"), "--dataset", str(card), *m],
        ["extract", str(card), "-o", o("labels.csv"), "--ways", o("ways.csv"), "--program", o("program.json")],
        ["extract", str(card), "-o", o("served.parquet"), "--program", o("program.json"), *broken, "--timeout", "2"],
        ["score", "--reference", o("labels.csv"), "--generated", reports, "--program", o("program.json"),
         "--bootstrap", "20", "--per-report", o("per-report.csv")],
        ["report", "--all", "--dataset", str(card), "-o", o("report.html"), "--bootstrap", "20", *m],
        ["stability", "--dataset", str(card), "--limit", "1", "--repeats", "2", "--program", o("program.json"), *served],
        ["extract", str(card), "-o", o("far.csv"), "--model", "openai/gpt-4o-mini"],
        ["extract", str(card), "-o", o("far.csv"), "--model", "openai/m", "--api-base", "https://api.example.invalid/v1"],
    ]  # fmt: skip


def test_no_mark_leaves_the_reports(tmp_path: Path) -> None:
    """Optimize, review, compile, extract from a failing endpoint, score, report: marks stay in the input."""
    tree = tmp_path / "tree"
    card = write_cohort(tree / "input")
    says = Plan(wrong=0.05, empty=0.02, thinking=0.02, seed=3)
    fails = replace(says, busy=0.02, broken=0.02, reset=0.01, cut=0.01)
    with FaultServer(says) as server, FaultServer(fails) as failing, recording_proxy() as proxy:
        codes, said = run_plan(tree, plan_of(card, tree, server.base, failing.base), proxy.address)
        print(codes, said[-6000:])
        assert any(b"vexolith" in raw for raw in server.raw)
    print(json.dumps({k: sorted(v) for k, v in find_marks(tree, ("input/", "exported/")).items()}, indent=1, ensure_ascii=False))
    print([s[:300] for s in proxy.seen])
    assert find_marks(tree, ("input/",  "exported/")) == {}
    assert proxy.seen == []
