"""20,000 units against a server that fails in eight ways, client and server killed in between: none lost, none twice.

By hand: `python tests/benchmarks/bench_faults.py`, with `--units`, `--share`, `--kills`, `--work DIR`. 5 % each of 429,
500, connection reset, no answer (time-out), truncated body, wrong word, empty, `<think>` left open; half of the passing
ones heal with the second attempt.
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))
import fault_server

from ranscore.extraction.module import freeze_prompt
from ranscore.freezing import FrozenProgram, load_frozen, save_frozen

FINDINGS = ("pneumothorax", "pleural_effusion", "edema", "fracture")


def narrow() -> FrozenProgram:
    """The release's program of four findings."""
    release = load_frozen()
    kept = {f: release.findings[f] for f in FINDINGS}
    draft = release.model_copy(update={"findings": kept, "golden": ()})
    return draft.model_copy(update={"sha256": draft.content_digest()})


def start_server(port: int, share: float) -> subprocess.Popen[bytes]:
    """The server in a process of its own, ready to answer."""
    script = Path(fault_server.__file__)
    process = subprocess.Popen([sys.executable, script, "--port", str(port), "--share", str(share)],
                               stdout=subprocess.PIPE)  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    return process


def start_client(folder: Path, port: int, timeout: float) -> subprocess.Popen[bytes]:
    """`ranscore extract` in a process of its own."""
    command = [sys.executable, "-m", "ranscore", "extract", folder / "in.csv", "-o", folder / "out.csv", "--program",
               folder / "program.json", "--model", "hosted_vllm/x", "--api-base", f"http://127.0.0.1:{port}/v1",
               "--timeout", timeout]  # fmt: skip
    return subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def recorded(folder: Path) -> int:
    """Units in the ledger: answers and failures."""
    path = folder / "out.csv.ledger" / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as db:
            query = "SELECT (SELECT count(*) FROM units) + (SELECT count(*) FROM failures)"
            return int(db.execute(query).fetchone()[0])
    except sqlite3.Error:
        return 0


def wait_for(folder: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Waits until so many units are recorded, or the client has ended."""
    while recorded(folder) < count and process.poll() is None:
        time.sleep(0.05)


def run(folder: Path, units: int, share: float, kills: int, timeout: float) -> None:
    """All phases: client killed, server killed, to the end; then once more for what failed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = start_server(port, share)
    for point in sorted(random.Random(0).sample(range(units // 20, units * 3 // 5), kills)):
        client = start_client(folder, port, timeout)
        wait_for(folder, point, client)
        client.send_signal(signal.SIGKILL)
        client.communicate()
        print(f"client killed after {point:,} units or more: {recorded(folder):,} recorded")
    began = time.perf_counter()
    client = start_client(folder, port, timeout)
    wait_for(folder, units * 4 // 5, client)
    server.kill()
    server.communicate()
    print(f"server killed: {recorded(folder):,} recorded")
    server = start_server(port, share)
    told = client.communicate()[1].decode().splitlines()[-1]
    print(f"to the end: exit {client.returncode}, {time.perf_counter() - began:.1f} s\n  {told}")
    check(folder, units, share)
    client = start_client(folder, port, timeout)
    client.communicate()
    print(f"once more for what failed: exit {client.returncode}")
    check(folder, units, share)
    server.kill()
    server.communicate()


def check(folder: Path, units: int, share: float) -> None:
    """Prints what became of every unit, by the server's own plan; raises AssertionError for a wrong or lost one."""
    plan = fault_server.Plan(**dict.fromkeys(fault_server.KINDS, share))
    prompts = {p.name: (p.finding, freeze_prompt(p)) for p in narrow().programs()}
    with (folder / "in.csv").open(encoding="utf-8", newline="") as file:
        texts = {row["report_id"]: row["report"] for row in csv.DictReader(file)}
    with (folder / "out.csv.missing.csv").open(encoding="utf-8", newline="") as file:
        missing = {(row["report_id"], row["finding"]): row["reason"] for row in csv.DictReader(file)}
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    right = wrong = 0
    healthy: Counter[str] = Counter()
    for row in rows:
        for name, (finding, prompt) in prompts.items():
            unit = prompt.messages(texts[row["report_id"]])[-1][1]
            key = row["report_id"], finding
            assert (row[name] == "unanswered") == (key in missing), key
            if key in missing:
                healthy["that the server would have answered"] += plan.answered(unit)
            elif row[name] == str(int(fault_server.word_of(unit) == "present")):
                right += 1
            else:
                wrong += 1
    assert right + wrong + len(missing) == units
    assert wrong == 0
    assert all(missing.values())
    print(f"  {right:,} answered as the server said, {wrong} otherwise, {len(missing):,} listed with a reason, "
          f"of them {sum(healthy.values()):,} {''.join(healthy) or 'none'}")  # fmt: skip
    for reason, count in Counter(missing.values()).most_common(12):
        print(f"    {count:6,}  {reason}")


def main() -> None:
    """Write the reports, run, check."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--units", type=int, default=20_000)
    options.add_argument("--share", type=float, default=0.05)
    options.add_argument("--kills", type=int, default=3)
    options.add_argument("--timeout", type=float, default=2.0)
    options.add_argument("--work", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.work) as work:
        folder = Path(work)
        save_frozen(narrow(), folder / "program.json")
        with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("report_id", "report"))
            writer.writerows((f"r{n}", f"Report {n}.{' The lungs are clear.' * 25}")
                             for n in range(chosen.units // len(FINDINGS)))  # fmt: skip
        run(folder, chosen.units, chosen.share, chosen.kills, chosen.timeout)


if __name__ == "__main__":
    main()
