"""Runs commands in one process in which nothing beside the command line is set up, as `python canary_run.py PLAN.json`.

The plan lists argument lists of `ranscore`, and `{"review": …}` for a round on the review page. Each command's exit
code goes to standard output as JSON; what the commands print goes to files beside the plan.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Runs the plan; prints the exit codes."""
    logging.basicConfig(level=logging.INFO)
    path = Path(sys.argv[1])
    plan = json.loads(path.read_text(encoding="utf-8"))
    codes = []
    for step in plan:
        began = time.monotonic()
        codes.append(review(**step["review"]) if isinstance(step, dict) else run(step))
        print(
            f"{time.monotonic() - began:.1f} s: {step[0] if isinstance(step, list) else 'review'}, {codes[-1]}",
            file=sys.stderr,
        )
    path.with_suffix(".codes").write_text(json.dumps(codes), encoding="utf-8")


def run(arguments: list[str]) -> int:
    """The exit code of one command."""
    from ranscore.cli import main as command_line

    sys.argv = ["ranscore", *arguments]
    try:
        command_line()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def review(card: str, mlruns: str, passage: str, note: str) -> int:
    """Opens the page on the errors of the kept program, and writes a note with a marked passage on each by HTTP."""
    import httpx2

    from ranscore.cohort import open_dataset
    from ranscore.feedback.ledger import open_ledger
    from ranscore.loop import open_review
    from ranscore.models import open_model
    from ranscore.review.app import serve
    from ranscore.review.desk import Desk
    from ranscore.review.rounds import Setting
    from ranscore.review.security import make_gate
    from ranscore.search._recipe import read_recipe

    opened, model, runs = open_dataset(card), open_model("lexical"), Path(mlruns)
    reviewed = {"pneumothorax": open_review(opened, "pneumothorax", model, seed=True)}
    book = open_ledger(runs / "notes.db")
    desk = Desk(opened, book, model, None, runs, reviewed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        gate = make_gate(["anna"], "127.0.0.1", probe.getsockname()[1])
    recipe = read_recipe("exemplar-tpe").changed(rounds=1, trials=4, folds=0)
    setting = Setting(card, None, "lexical", None, recipe, book.path, runs)
    ready = threading.Event()
    thread = threading.Thread(
        target=serve, args=(desk, gate, "127.0.0.1", setting, ready.set), kwargs={"until_done": True}, daemon=True
    )
    thread.start()
    ready.wait(60)
    root = f"http://127.0.0.1:{gate.port}"
    headers = {"origin": root, "x-ranscore-csrf": gate.csrf_token("anna")}
    with httpx2.Client(base_url=root, headers=headers, trust_env=False, timeout=60) as client:
        try:
            written = _write_notes(client, passage, note)
        finally:
            client.post("/api/done", json={})
            thread.join(90)
    return 0 if written else 1


def _write_notes(client: Any, passage: str, note: str) -> int:
    written = 0
    for row in client.get("/api/queue").json()["items"]:
        item = client.get(f"/api/items/{row['id']}").json()
        start = item["text"].find(passage)
        if start < 0:
            continue
        span = {"start": start, "end": start + len(passage)}
        client.post("/api/preview", json={"item": row["id"], **span, "spend": False})
        fields = {
            "item": row["id"], "entry": f"note-{row['report_id']}", "verdict": "false absent", "reason": "synonym",
            "note": note, **span,
        }  # fmt: skip
        written += client.post("/api/notes", json=fields).status_code == 200
    shown = client.get("/api/notes").text
    return written if passage in shown else 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
