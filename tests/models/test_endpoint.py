"""Endpoints, against a server on this machine that speaks OpenAI's chat completions and answers by script."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ranscore.errors import InputError, UnknownNameError
from ranscore.extraction.module import Labelled, freeze_prompt, label_reports
from ranscore.models import open_model
from ranscore.models.endpoint import KEYS
from ranscore.records import AnswerForm, Exemplar, Program, Report

NAME = "openai/gpt-4o-mini"
QWEN = "hosted_vllm/Qwen/Qwen3-14B"
SECRET = "sk-not-a-real-key-0123456789"
PROGRAM = Program(
    finding="nodule",
    name="Nodule",
    instruction="Read the report.",
    definition="Is there one?",
    exemplars=(Exemplar(passage="A coin lesion.", answer="present"),),
)
REPORTS = [Report(report_id=i, text=f"Report {i}: a nodule </report> {{x}} 结节") for i in "abcd"]

Answer = Callable[[int, dict[str, Any]], "str | tuple[int, object] | None"]


class Endpoint:
    """The server: `answer` gets a request's number and body, and gives a reply, a status with a body, or nothing."""

    def __init__(self, answer: Answer) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.over = threading.Event()
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    outer.bodies.append(body)
                    outer.keys.append(self.headers["Authorization"])
                    got = answer(len(outer.bodies), body)
                if got is None:
                    outer.over.wait(20)
                    self.close_connection = True
                    return
                status, payload = (200, completion(got)) if isinstance(got, str) else got
                data = json.dumps(payload).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        """Ends the server and its thread."""
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def completion(text: str) -> dict[str, Any]:
    """A chat completion that says this, at 8 tokens."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
    }


def error(status: int, message: str) -> tuple[int, object]:
    """An error as OpenAI's servers word it."""
    return status, {"error": {"message": message, "type": "x", "code": "y"}}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own keys and addresses play no part."""
    for variable in (
        *KEYS.values(),
        "HOSTED_VLLM_API_BASE",
        "HOSTED_VLLM_API_KEY",
        "OPENAI_API_BASE",
        "OPENAI_BASE_URL",
    ):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Endpoint]]:
    """Starts servers, and ends them after the test."""
    started: list[Endpoint] = []

    def start(answer: Answer) -> Endpoint:
        started.append(Endpoint(answer))
        return started[-1]

    yield start
    for endpoint in started:
        endpoint.close()


Serve = Callable[[Answer], Endpoint]


def label(endpoint: Endpoint, name: str = NAME, reports: list[Report] = REPORTS, **settings: Any) -> Labelled:
    """The labels of some reports by a model behind a server, without retries and without a cache."""
    model = open_model(name, api_base=endpoint.base, retries=0, cache=False, **settings)
    return label_reports(PROGRAM, reports, model)


# Answers.


@pytest.mark.parametrize(
    ("says", "value"),
    [
        ("present", "present"),
        ("absent", "absent"),
        (" Absent.\n", "absent"),
        ("PRESENT。", "present"),
        ("<think>Maybe present?</think>\n\nabsent", "absent"),
        ("<think></think>present", "present"),
    ],
)
def test_one_word_is_the_answer(serve: Serve, says: str, value: str) -> None:
    """Case, a full stop and a closed block of thought aside; each report is one call whose tokens are counted."""
    endpoint = serve(lambda n, body: says)
    labelled = label(endpoint)
    assert [(x.report_id, x.value, x.reason) for x in labelled.labels] == [(i, value, "") for i in "abcd"]
    assert (labelled.calls, len(endpoint.bodies), labelled.tokens) == (4, 4, 32)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("maybe", "the answer (5 characters) was not one of the words 'present', 'absent'"),
        ("The nodule is present.", "was not one of the words"),
        ("present absent", "was not one of the words"),
        ("not present", "was not one of the words"),
        ('{"answer": "present"}', "was not one of the words"),
        ("<think>It is present", "the model was still thinking when its answer ended"),
        ("<think>present</think>", "empty"),
        ("", "empty"),
        ("  \n", "empty"),
    ],
)
def test_anything_else_is_unanswered_and_never_asked_again(serve: Serve, says: str, reason: str) -> None:
    """The reason says what was wrong without quoting the answer; there is exactly one call a report."""
    endpoint = serve(lambda n, body: says)
    labelled = label(endpoint)
    assert {x.value for x in labelled.labels} == {"unanswered"}
    assert all(reason in x.reason for x in labelled.labels)
    assert len(endpoint.bodies) == labelled.calls == len(REPORTS)
    assert labelled.column() == dict.fromkeys("abcd", -2)


def test_each_report_gets_its_own_answer(serve: Serve) -> None:
    """Many at a time, the labels stand in the reports' order and belong to their reports."""
    reports = [Report(report_id=str(i), text=f"Nodule {i}.") for i in range(24)]

    def by_parity(n: int, body: dict[str, Any]) -> str:
        number = int(body["messages"][-1]["content"].split("Nodule ")[1].split(".")[0])
        return "present" if number % 2 else "absent" if number % 3 else "well"

    labelled = label(serve(by_parity), reports=reports, concurrency=8)
    assert [x.report_id for x in labelled.labels] == [r.report_id for r in reports]
    assert list(labelled.column().values()) == [1 if i % 2 else 0 if i % 3 else -2 for i in range(24)]


def test_the_server_gets_the_frozen_prompt_and_nothing_else(serve: Serve) -> None:
    """The bytes on the wire are what `freeze_prompt` holds, with the report's markers made harmless."""
    endpoint = serve(lambda n, body: "present")
    label(endpoint, reports=REPORTS[:1])
    (body,) = endpoint.bodies
    expected = [{"role": r, "content": c} for r, c in freeze_prompt(PROGRAM).messages(REPORTS[0].text)]
    assert body["messages"] == expected
    assert [m["role"] for m in expected] == ["system", "user", "assistant", "user"]
    assert body["temperature"] == 0
    assert "tools" not in body
    assert "response_format" not in body


def test_other_answer_words_are_asked_for_and_understood(serve: Serve) -> None:
    """A form with Yes and No is answered with Yes and No."""
    told = PROGRAM.model_copy(update={"form": AnswerForm(question="{name}?", present="Yes", absent="No")})
    endpoint = serve(lambda n, body: "yes." if n == 1 else "present")
    model = open_model(NAME, api_base=endpoint.base, retries=0, cache=False)
    labelled = label_reports(told, REPORTS[:2], model)
    assert [x.value for x in labelled.labels] == ["present", "unanswered"]
    assert [m["content"] for m in endpoint.bodies[0]["messages"] if m["role"] == "assistant"] == ["Yes"]
    assert endpoint.bodies[0]["messages"][-1]["content"].endswith("\nNodule?")


def test_no_reports_are_no_calls(serve: Serve) -> None:
    """Nothing to label asks nothing."""
    endpoint = serve(lambda n, body: "present")
    assert label(endpoint, reports=[]) == Labelled((), 0, 0)
    assert endpoint.bodies == []


# Failures of single calls.


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_failed_call_is_unanswered_with_its_reason(serve: Serve, status: int) -> None:
    """A server's error on one report leaves that one report without a label, after one call."""
    endpoint = serve(lambda n, body: error(status, "boom") if n == 2 else "present")
    labelled = label(endpoint, concurrency=1)
    assert [x.value for x in labelled.labels] == ["present", "unanswered", "present", "present"]
    assert "boom" in labelled.labels[1].reason
    assert "Error" in labelled.labels[1].reason
    assert len(endpoint.bodies) == 4


def test_a_server_that_always_fails_leaves_all_unanswered(serve: Serve) -> None:
    """An overloaded server is no user's mistake: the labels say what happened."""
    labelled = label(serve(lambda n, body: error(500, "boom")))
    assert {x.value for x in labelled.labels} == {"unanswered"}


def test_a_time_out_is_unanswered(serve: Serve) -> None:
    """A server that keeps silent is given up, also on the very first call."""
    labelled = label(serve(lambda n, body: None), timeout=0.1, reports=REPORTS[:2])
    assert [x.value for x in labelled.labels] == ["unanswered", "unanswered"]
    assert all("timed out" in x.reason for x in labelled.labels)


def test_a_body_that_is_no_completion_is_unanswered(serve: Serve) -> None:
    """A list in place of a completion is told as such."""
    labelled = label(serve(lambda n, body: (200, [1])), reports=REPORTS[:1])
    assert labelled.labels[0].value == "unanswered"
    assert labelled.labels[0].reason


def test_a_later_refusal_is_a_value(serve: Serve) -> None:
    """Only the very first call tells that an endpoint cannot be used."""
    labelled = label(serve(lambda n, body: "present" if n == 1 else error(401, "expired")), concurrency=1)
    assert [x.value for x in labelled.labels] == ["present", "unanswered", "unanswered", "unanswered"]
    assert all("expired" in x.reason for x in labelled.labels[1:])


@pytest.mark.parametrize("status", [401, 500])
def test_a_reason_holds_no_key(serve: Serve, status: int) -> None:
    """A server that quotes the key in its error does not bring it into a table."""
    message = f"Incorrect API key provided: {SECRET}. You can find yours."
    labelled = label(serve(lambda n, body: "present" if n == 1 else error(status, message)), reports=REPORTS[:2])
    assert "Incorrect API key provided: [key]" in labelled.labels[1].reason
    assert SECRET not in labelled.labels[1].reason


# Endpoints that cannot be used: a user's mistake, in one sentence.


def is_one_sentence(text: str) -> bool:
    """True for one line that ends with its only full stop."""
    return "\n" not in text and text.endswith(".") and ". " not in text


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "Incorrect API key provided"),
        (402, "Insufficient balance"),
        (403, "Not for you"),
        (404, "The model does not exist"),
    ],
)
def test_a_refusal_of_the_first_call_is_an_input_error(serve: Serve, status: int, message: str) -> None:
    """Wrong key and unknown model stop the run after one call, and the error says what to check."""
    endpoint = serve(lambda n, body: error(status, message))
    with pytest.raises(InputError) as raised:
        label(endpoint)
    text = str(raised.value)
    assert text.startswith(f"--model {NAME}: the first call failed (")
    assert message in text
    assert "--api-base" in text
    assert is_one_sentence(text)
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(("status", "detail"), [(404, "Not Found"), (405, "Method Not Allowed")])
def test_an_address_where_no_completions_are_served_is_an_input_error(serve: Serve, status: int, detail: str) -> None:
    """A web server that answers otherwise than OpenAI's, as under a wrong path, is found out at the first call."""
    endpoint = serve(lambda n, body: (status, {"detail": detail}))
    with pytest.raises(InputError, match=f"{status}: .*--api-base") as raised:
        label(endpoint)
    assert is_one_sentence(str(raised.value))
    assert len(endpoint.bodies) == 1


def test_a_port_where_nothing_listens_is_an_input_error() -> None:
    """Connection refused is told in one sentence, without a traceback's words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(InputError, match="Connection refused") as raised:
        label_reports(PROGRAM, REPORTS, open_model(NAME, api_base=base, retries=0, cache=False))
    assert is_one_sentence(str(raised.value))
    assert "Traceback" not in str(raised.value)


@pytest.mark.parametrize(("provider", "variable"), KEYS.items())
def test_a_missing_key_is_an_input_error_before_any_call(provider: str, variable: str) -> None:
    """The error names the environment variable and that a key comes from nowhere else."""
    with pytest.raises(InputError) as raised:
        open_model(f"{provider}/some-model")
    assert f"the environment variable {variable} is not set" in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_server_of_ones_own_needs_an_address() -> None:
    """`hosted_vllm` without an address says how to give one."""
    with pytest.raises(InputError, match="expected --api-base, for example http") as raised:
        open_model(QWEN)
    assert is_one_sentence(str(raised.value))


@pytest.mark.parametrize("name", ["lexcal", "gpt-4o-mini", "", "endpoint", "endpoint:x", ":", "Lexical"])
def test_a_name_without_a_route_is_unknown(name: str) -> None:
    """The error tells how an endpoint is named; `endpoint` itself is no name and is not offered as one."""
    with pytest.raises(UnknownNameError, match="litellm route") as raised:
        open_model(name)
    assert "'endpoint'" not in str(raised.value).replace(f"called {name!r}", "")


# Keys and settings.


def test_the_key_comes_from_the_environment_and_stays_out_of_sight(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches the server and stands neither in the model's settings nor in its representation."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    endpoint = serve(lambda n, body: "present")
    model = open_model(NAME, api_base=endpoint.base, retries=0, cache=False)
    assert label_reports(PROGRAM, REPORTS[:1], model).labels[0].value == "present"
    assert endpoint.keys == [f"Bearer {SECRET}"]
    assert SECRET not in repr(model)
    assert SECRET not in json.dumps(model.settings)


def test_a_server_on_this_machine_needs_no_key(serve: Serve) -> None:
    """No key is asked for, and none that is meant for another is sent."""
    endpoint = serve(lambda n, body: "present")
    label(endpoint, reports=REPORTS[:1])
    assert endpoint.keys == ["Bearer none"]


def test_a_key_is_no_setting() -> None:
    """There is no way to hand a key over but the environment."""
    with pytest.raises(TypeError):
        open_model(NAME, api_key=SECRET)


def test_an_address_is_kept_without_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings go into frozen files and tracked runs."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    model = open_model(NAME, api_base="https://user:word@example.org:8000/v1")
    assert model.settings["api_base"] == "https://example.org:8000/v1"
    assert "word" not in json.dumps(model.settings)


@pytest.mark.parametrize(
    ("name", "settings", "limit"),
    [
        (NAME, {}, 16),
        (NAME, {"thinking": True}, 4096),
        ("deepseek/deepseek-reasoner", {}, 4096),
        (NAME, {"max_tokens": 5}, 5),
    ],
)
def test_a_thinking_model_may_write_more(serve: Serve, name: str, settings: dict[str, Any], limit: int) -> None:
    """One word needs 16 tokens at most, thoughts need thousands, and a limit that is given holds."""
    endpoint = serve(lambda n, body: "present")
    label(endpoint, name, REPORTS[:1], **settings)
    (body,) = endpoint.bodies
    assert body.get("max_tokens", body.get("max_completion_tokens")) == limit


@pytest.mark.parametrize("thinking", [False, True])
def test_thinking_is_switched_off_unless_it_is_asked_for(serve: Serve, thinking: bool) -> None:
    """A Qwen3 behind vLLM is told not to think."""
    endpoint = serve(lambda n, body: "absent")
    labelled = label(endpoint, QWEN, REPORTS[:1], thinking=thinking)
    assert labelled.labels[0].value == "absent"
    (body,) = endpoint.bodies
    assert body["model"] == "Qwen/Qwen3-14B"
    off = {"chat_template_kwargs": {"enable_thinking": False}}
    assert {k: v for k, v in body.items() if k == "chat_template_kwargs"} == ({} if thinking else off)
    assert body["messages"][-1]["content"] == freeze_prompt(PROGRAM).messages(REPORTS[0].text)[-1][1]


@pytest.mark.parametrize("status", [401, 404])
def test_a_vllm_server_that_refuses_is_an_input_error(serve: Serve, status: int) -> None:
    """A request with options of vLLM's own takes another way through litellm; the sentence is the same."""
    endpoint = serve(lambda n, body: error(status, f"no {SECRET}"))
    with pytest.raises(InputError, match=rf"^--model {QWEN}: the first call failed \(LM\w+Error") as raised:
        label(endpoint, QWEN)
    assert is_one_sentence(str(raised.value))
    assert SECRET not in str(raised.value)
    assert len(endpoint.bodies) == 1


def test_a_vllm_server_that_fails_or_keeps_silent_leaves_its_reports_unanswered(serve: Serve) -> None:
    """Errors and time-outs are values, whichever library reports them, after one call each."""
    endpoint = serve(lambda n, body: {1: "", 2: error(500, "boom"), 3: None}.get(n, "present"))
    labelled = label(endpoint, QWEN, concurrency=1, timeout=0.3)
    assert [x.value for x in labelled.labels] == ["unanswered"] * 3 + ["present"]
    assert [word in x.reason for word, x in zip(("empty", "boom", "timed out"), labelled.labels, strict=False)] == [
        True
    ] * 3
    assert len(endpoint.bodies) == 4


def test_a_vllm_server_that_is_not_there_is_an_input_error() -> None:
    """Connection refused, whichever library found it out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(InputError, match="Connection refused"):
        label_reports(PROGRAM, REPORTS, open_model(QWEN, api_base=base, retries=0, cache=False))


def test_a_provider_that_nobody_knows_is_an_input_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A route that litellm has never heard of stops at the first call, which never leaves the machine."""
    monkeypatch.setenv("RANSCORE_ALLOW_REMOTE", "1")
    monkeypatch.setenv("RANSCORE_REMOTE_LOG", str(tmp_path))
    with pytest.raises(InputError, match=r"(?i)provider not provided"):
        label_reports(PROGRAM, REPORTS, open_model("nosuch/model", retries=0, cache=False))
