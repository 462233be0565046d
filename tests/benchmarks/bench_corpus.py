"""Labels a corpus of MIMIC-CXR's size with the embedded reader, then again cut by kill -9 at random points.

By hand: `python tests/benchmarks/bench_corpus.py --openi DIR`, with `--reports`, `--kills`, `--workers`, `--work DIR`.
The texts are Open-I's with their sentences rotated and a numbered one added, so that no two are the same; a sentence
still comes back some hundred times.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

MIMIC = 377_110
_SENTENCE = re.compile(r"(?<=[.:])\s+")


def texts(folder: Path, wanted: int) -> Iterator[str]:
    """So many texts, all different, made of Open-I's findings and impressions."""
    with (folder / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [" ".join(filter(None, (row.get("findings"), row.get("impression")))) for row in rows]
    parts = [_SENTENCE.split(text) for text in whole if text.strip()]
    for n in range(wanted):
        sentences = parts[n % len(parts)]
        turn = (n // len(parts)) % len(sentences)
        yield " ".join([*sentences[turn:], *sentences[:turn], f"Study number {n}."])


def write_corpus(path: Path, folder: Path, wanted: int) -> None:
    """A CSV of report ids and texts."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("report_id", "report"))
        writer.writerows((f"s{n:08d}", text) for n, text in enumerate(texts(folder, wanted)))


def start(reports: Path, output: Path, workers: int) -> subprocess.Popen[bytes]:
    """`ranscore extract` as a process of its own."""
    command = [sys.executable, "-m", "ranscore", "extract", reports, "-o", output, "--workers", str(workers)]
    return subprocess.Popen([*map(str, command)])


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        found = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    return [pid, *(grandchild for child in found for grandchild in family(child))]


def resident(pid: int) -> int:
    """Bytes of resident memory of a process and its descendants, added up (shared pages count in each)."""
    total = 0
    for one in family(pid):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def recorded(output: Path) -> int:
    """Reports in an output's ledger so far."""
    path = output.with_name(f"{output.name}.ledger") / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
            return int(db.execute("SELECT count(*) FROM packed").fetchone()[0])
    except sqlite3.Error:
        return 0


def processor_seconds() -> float:
    """What all ended child processes used, theirs included; on a busy machine it says more than the wall clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def uncut(reports: Path, output: Path, wanted: int, workers: int) -> None:
    """One run to its end: seconds, reports a second, highest memory."""
    began, used = time.perf_counter(), processor_seconds()
    process = start(reports, output, workers)
    highest = 0
    while process.poll() is None:
        highest = max(highest, resident(process.pid))
        time.sleep(0.2)
    seconds, used = time.perf_counter() - began, processor_seconds() - used
    print(f"uncut: exit {process.returncode}, {seconds:.1f} s, {wanted / seconds:,.0f} reports/s, {workers} workers, "
        f"{used:.1f} s of processor time, "
          f"highest memory of all processes {highest / 2**20:,.0f} MiB")  # fmt: skip


def cut(reports: Path, output: Path, wanted: int, workers: int, kills: int, seed: int) -> None:
    """The same with kill -9 at random points, then to its end."""
    points = sorted(random.Random(seed).sample(range(wanted // 50, wanted), kills))
    for point in points:
        process = start(reports, output, workers)
        while process.poll() is None and recorded(output) < point:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        print(f"killed after {point:,} reports or more: exit {code}, {recorded(output):,} in the ledger")
    began = time.perf_counter()
    code = start(reports, output, workers).wait()
    print(f"resumed: exit {code}, {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Write the corpus, label it uncut and cut, compare."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--openi", type=Path, default=os.environ.get("RANSCORE_OPENI"))
    options.add_argument("--reports", type=int, default=MIMIC)
    options.add_argument("--kills", type=int, default=5)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--work", type=Path, help="where the files go; a temporary folder when not named")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.work) as work:
        folder = Path(work)
        reports = folder / "reports.csv"
        write_corpus(reports, Path(chosen.openi), chosen.reports)
        print(f"{chosen.reports:,} reports, {reports.stat().st_size / 2**20:,.0f} MiB")
        uncut(reports, folder / "uncut.csv", chosen.reports, chosen.workers)
        cut(reports, folder / "cut.csv", chosen.reports, chosen.workers, chosen.kills, chosen.seed)
        same = digest(folder / "uncut.csv") == digest(folder / "cut.csv")
        print(f"{digest(folder / 'uncut.csv')}\n{'the same bytes' if same else 'DIFFERENT BYTES'}")


if __name__ == "__main__":
    main()
