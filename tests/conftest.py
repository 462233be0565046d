"""What all tests share."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from ranscore.cohort import Dataset
    from ranscore.freezing import FrozenProgram

# Before dspy is imported: what one run of the tests was answered is not found again by another.
_CACHE = tempfile.TemporaryDirectory(prefix="ranscore-tests-", ignore_cleanup_errors=True)
os.environ["DSPY_CACHEDIR"] = _CACHE.name

# No test fails for being slow.
settings.register_profile("ranscore", deadline=None, max_examples=60)
settings.load_profile("ranscore")

# A developer's own folders must not change what the tests see.
for _name in ("RANSCORE_HOME", "RANSCORE_MLRUNS", "RANSCORE_OPENI"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The project's shared folder with data that the repository may not hold; the test is skipped without it."""
    folder = Path(os.environ.get("RANSCORE_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"no shared folder at {folder}; name one in RANSCORE_SHARED")
    return folder


@pytest.fixture(scope="session")
def demo() -> Dataset:
    """The English demonstration cohort."""
    from ranscore.cohort import open_dataset

    return open_dataset("demo-en")


@pytest.fixture(scope="session")
def demo_zh() -> Dataset:
    """The Chinese demonstration cohort."""
    from ranscore.cohort import open_dataset

    return open_dataset("demo-zh")


@pytest.fixture(scope="session")
def small_card(demo: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of a cohort of sixty demonstration reports, twenty of them with a pneumothorax."""
    folder = tmp_path_factory.mktemp("small")
    value = demo.reference.column("pneumothorax")
    ids = [r.report_id for r in demo.reports]
    chosen = {*[i for i in ids if value[i] == 1][:20], *[i for i in ids if value[i] != 1][:40]}
    texts = [{"report_id": r.report_id, "report": r.text} for r in demo.reports if r.report_id in chosen]
    notes = [n.model_dump() for n in demo.notes if n.report_id in chosen]
    rows = zip(demo.reference.report_ids, demo.reference.values, strict=True)
    labels = [dict(zip(demo.reference.findings, v, strict=True)) | {"report_id": i} for i, v in rows if i in chosen]
    for name, table in (("reports", texts), ("notes", notes), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in table), encoding="utf-8")
    card = {
        "name": "small", "title": "Sixty demonstration reports", "access": "open", "remote": "permitted",
        "licence": "as demo-en", "source": "demo-en", "reports": {"path": "reports.jsonl"}, "language": "en",
        "reference": {"kind": "labels", "paths": ["labels.jsonl"]}, "notes": {"path": "notes.jsonl"},
    }  # fmt: skip
    (folder / "card.yaml").write_text(json.dumps(card), encoding="utf-8")
    return folder / "card.yaml"


@pytest.fixture(scope="session")
def small(small_card: Path) -> Dataset:
    """The cohort of sixty demonstration reports."""
    from ranscore.cohort import open_dataset

    return open_dataset(small_card)


@pytest.fixture(scope="session")
def mlruns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tracking folder for all tests, since MLflow takes seconds to make its tables."""
    return tmp_path_factory.mktemp("tracking") / "mlruns"


@pytest.fixture(scope="session")
def frozen_seed() -> FrozenProgram:
    """The seed of every finding, frozen for the embedded reader, with its golden answers."""
    from ranscore import catalog
    from ranscore.freezing import freeze, freeze_finding
    from ranscore.models import open_model

    findings = {f: freeze_finding(catalog.seed_program(f), source="seed") for f in catalog.asked_ids()}
    return freeze(findings, open_model("lexical"), {"macro_f1": 0.125})


class Endpoint:
    """A chat endpoint on this machine: answers by the text of the request; `answer` may give a status code."""

    def __init__(self) -> None:
        self.answer: Callable[[str], str | int] = lambda text: "absent"
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = endpoint.answer(str(asked["messages"][-1]["content"]))
                message = {"role": "assistant", "content": found}
                usage = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
                choices = [{"index": 0, "finish_reason": "stop", "message": message}]
                body: dict[str, object] = {
                    "id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices,
                    "usage": usage,
                }  # fmt: skip
                if isinstance(found, int):
                    body = {"error": {"message": f"Incorrect key {self.headers['Authorization']}", "code": found}}
                self.send_response(found if isinstance(found, int) else 200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A chat endpoint on this machine, ended after the test."""
    made = Endpoint()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
