"""The client of an endpoint, against servers on this machine that fail as real ones do."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import re
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from ranscore.errors import InputError
from ranscore.extraction.adapter import UnreadableAnswerError, read_answer
from ranscore.extraction.module import freeze_prompt, label_reports
from ranscore.models import open_model
from ranscore.models._base import Client, Message, Reply
from ranscore.models._deadline import Deadline
from ranscore.models._faults import is_unusable
from ranscore.models._limits import Clock, Tuning
from ranscore.models._routes import direct_addresses
from ranscore.models.endpoint import KEYS
from ranscore.records import AnswerForm, Exemplar, Program, Report
from tests.models.fault_server import KINDS, FaultServer, Plan, word_of

NAME, QWEN = "openai/gpt-4o-mini", "hosted_vllm/Qwen/Qwen3-14B"
SECRET = "sk-not-a-real-key-0123456789"
WORDS = ("present", "absent")
HEAD: tuple[Message, ...] = (("system", "Is there a nodule?"), ("user", "A coin lesion."), ("assistant", "present"))
QUICK = Tuning(backoff=0.0, patience=5.0, retries=2, timeout=20.0)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that must stay out of sight, and no developer's own addresses."""
    for name in [*KEYS, "hosted_vllm", "ollama", "lm_studio"]:
        for end in ("API_KEY", "API_BASE"):
            monkeypatch.delenv(f"{name.upper()}_{end}", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)


class FakeClock:
    """Time that passes only while somebody sleeps, and then at once."""

    def __init__(self) -> None:
        self.time, self.slept = 1000.0, list[float]()
        self.clock = Clock(lambda: self.time, lambda: self.time, self.sleep, lambda: 1.0)

    async def sleep(self, seconds: float) -> None:
        """Goes ahead by so many seconds."""
        self.slept.append(round(seconds, 3))
        self.time += seconds
        await asyncio.sleep(0)


def opened(base: str | Sequence[str], name: str = NAME, **settings: Any) -> AbstractAsyncContextManager[Client]:
    """A client without waits between attempts."""
    opener = open_model(name, api_base=base, **{"tuning": QUICK} | settings).open_client
    assert opener is not None
    return opener()


async def ask_all(client: Client, users: Sequence[str], words: Sequence[str] = WORDS) -> list[Reply]:
    """The replies, in order, asked as many at a time as there is room for."""
    replies: dict[str, Reply] = {}
    rest, running = iter(users), set[asyncio.Task[None]]()

    async def one(user: str) -> None:
        replies[user] = await client.ask(HEAD, user, words)

    for user in rest:
        running.add(asyncio.create_task(one(user)))
        if len(running) >= client.room:
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    if running:
        await asyncio.wait(running)
    return [replies[user] for user in users]


def ask(base: str | Sequence[str], users: Sequence[str], name: str = NAME, **settings: Any) -> list[Reply]:
    """The replies of a new client."""

    async def run() -> list[Reply]:
        async with opened(base, name, **settings) as client:
            return await ask_all(client, users)

    return asyncio.run(run())


def reports(number: int) -> list[str]:
    """Questions none of which is like another."""
    return [f"Report {i}: a nodule, patient J. Doe" for i in range(number)]


# Answers.


def test_every_question_gets_its_own_answer() -> None:
    """Many at once, each is asked once, and told with the server's count of tokens."""
    with FaultServer(Plan(latency=0.005)) as server:
        users = reports(120)
        replies = ask(server.base, users)
        assert [r.text for r in replies] == [word_of(u) for u in users]
        assert {(r.reason, r.tokens_in, r.tokens_cached, r.tokens_out) for r in replies} == {("", 70, 64, 1)}
        assert {server.attempts[u] for u in users} == {1}
        assert server.most_in_flight > 1


@pytest.mark.parametrize("name", [NAME, QWEN, "dashscope/qwen-plus", "lm_studio/m", "deepseek/deepseek-reasoner"])
def test_the_messages_are_those_that_dspy_and_litellm_send(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same messages byte for byte as JSON, same model, temperature and limit, whatever stands in the report."""
    monkeypatch.setenv("LM_STUDIO_API_BASE", "")
    texts = ["Plain.", "</report> {x} %s \\n", '结节 \u00a0 ≥5 mm\r\n\t"q"', "a 😀 <think> [INST]"]
    exemplar = Exemplar(passage="A coin lesion, \u201cround\u201d.", answer="present")
    program = Program(
        finding="nodule", name="Nodule", instruction="Read it.", definition="Is there one?", exemplars=(exemplar,)
    )
    prompt = freeze_prompt(program)
    with FaultServer(answer=lambda unit: "absent") as server:
        model = open_model(name, api_base=server.base, retries=0, cache=False, constrain=False, concurrency=1)
        label_reports(program, [Report(report_id=str(i), text=t) for i, t in enumerate(texts)], model)
        theirs = sorted(server.bodies, key=lambda b: b["messages"][-1]["content"])
        server.bodies.clear()

        async def run() -> None:
            assert model.open_client is not None
            async with model.open_client() as client:
                for text in texts:
                    assert (await client.ask(prompt.head, prompt.messages(text)[-1][1], WORDS)).text == "absent"

        asyncio.run(run())
        ours = [b for b in server.bodies if len(b["messages"]) > 1]
        ours.sort(key=lambda b: b["messages"][-1]["content"])
    assert [json.dumps(b["messages"]) for b in ours] == [json.dumps(b["messages"]) for b in theirs]
    assert len(ours) == len(texts)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine["model"], mine["temperature"]) == (other["model"], other["temperature"])
        assert mine["max_tokens"] == other.get("max_tokens", other.get("max_completion_tokens"))
        for option in ("chat_template_kwargs", "enable_thinking"):
            assert mine.get(option) == other.get(option)


def test_a_provider_of_another_protocol_goes_by_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same replies, retries and reasons; litellm brings the messages over."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    with FaultServer(Plan(busy=0.2, broken=0.2, seed=3)) as server:
        users = reports(24)
        base = server.base.removesuffix("/v1")
        replies = ask(base, users, "anthropic/claude-3-haiku-20240307")
        for user, reply in zip(users, replies, strict=True):
            assert reply.text == (word_of(user) if server.plan.answered(user) else None)
            assert reply.reason == ("" if reply.text else reply.reason)
            assert re.fullmatch(r"|HTTP (429|500)", reply.reason)
            assert server.attempts[user] == (1 if not server.plan.fault(user)[0] else 2 if reply.text else 3)
        assert {r.tokens_in for r in replies if r.text} == {7}
        assert {r.reason for r in replies} == {"", "HTTP 429", "HTTP 500"}
    (unknown,) = ask("", users[:1], "nosuch/model")
    assert unknown.reason == "litellm knows no such provider"
    assert is_unusable(unknown.reason)


# Faults.


def test_every_unit_ends_answered_or_with_its_reason() -> None:
    """With all eight faults among them: the right answer, or a reason that fits the fault; none asked too often."""
    reasons = {
        "busy": "HTTP 429", "broken": "HTTP 500", "silent": "the call timed out", "cut": "the reply was cut off",
        "reset": "closed the connection|no connection \\(Connection reset by peer\\)",
        "empty": "the answer was empty", "thinking": "the model was still thinking when its answer ended",
    }  # fmt: skip
    shares = dict.fromkeys(KINDS, 0.06)
    with FaultServer(Plan(**shares, seed=4)) as server:
        users = reports(300)
        replies = ask(server.base, users, tuning=Tuning(start=48, backoff=0.0, retries=2, timeout=0.4))
        seen = Counter[str]()
        for user, reply in zip(users, replies, strict=True):
            kind, heals = server.plan.fault(user)
            seen[kind] += 1
            if not kind or heals:
                assert reply == Reply(word_of(user), "", None, 70, 64, 1)
            elif kind == "wrong":
                with pytest.raises(UnreadableAnswerError):
                    read_answer(reply.text, AnswerForm(question="?", present=WORDS[0], absent=WORDS[1]))
            else:
                assert reply.text is None
                assert re.search(reasons[kind], reply.reason), (kind, reply.reason)
            assert server.attempts[user] <= 3
            assert server.answers[user] <= 1
        assert set(seen) == {"", *KINDS}


@pytest.mark.parametrize("kind", ["busy", "broken", "wrong", "empty", "thinking", "cut"])
def test_nothing_of_a_report_or_a_key_comes_into_a_reason(kind: str) -> None:
    """Also where the server's error quotes both."""
    with FaultServer(Plan(**{kind: 1.0}, heals=0.0)) as server:  # type: ignore[arg-type]
        (reply,) = ask(server.base, reports(1))
        assert SECRET not in repr(reply)
        assert "Doe" not in reply.reason
        assert server.authorizations[-1] == f"Bearer {SECRET}"


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (4, 5)])
def test_a_passing_fault_is_tried_again_so_often(retries: int, attempts: int) -> None:
    """And no more."""
    with FaultServer(Plan(broken=1.0, heals=0.0)) as server:
        (reply,) = ask(server.base, ["x"], tuning=Tuning(backoff=0.0, retries=retries), constrain=False)
        assert reply == Reply(None, "HTTP 500")
        assert server.attempts["x"] == attempts


def test_waits_grow_and_retry_after_goes_before_them() -> None:
    """Doubled from half a second on without it; with it, exactly what was asked for."""
    for plan, slept in (
        (Plan(broken=1.0, heals=0.0), [0.5, 1.0, 2.0]),
        (Plan(busy=1.0, heals=0.0, retry_after="7"), [7.0, 7.0, 7.0]),
    ):
        fake = FakeClock()
        with FaultServer(plan) as server:
            (reply,) = ask(server.base, ["x"], tuning=Tuning(), clock=fake.clock, constrain=False)
            assert reply.reason in ("HTTP 500", "HTTP 429")
        assert fake.slept == slept


def test_a_server_that_wants_to_be_left_alone_for_too_long_is_not_waited_for() -> None:
    """The reply says so, after one call."""
    fake = FakeClock()
    with FaultServer(Plan(busy=1.0, heals=0.0, retry_after="86400")) as server:
        (reply,) = ask(server.base, ["x"], tuning=Tuning(patience=60), clock=fake.clock, constrain=False)
        assert reply.reason == "the server asked to be left alone for more than 60 seconds"
        assert (server.attempts["x"], fake.slept) == (1, [])


def test_a_server_that_is_down_is_tried_now_and_then_and_waited_for() -> None:
    """The breaker opens, single calls try at growing distance, and once the server is back all is answered."""
    fake = FakeClock()
    users = reports(40)
    with FaultServer() as server:
        server.down = True
        asleep = fake.sleep

        async def sleep(seconds: float) -> None:
            server.down = fake.time < 1020
            await asleep(seconds)

        clock = Clock(fake.clock.now, fake.clock.wall, sleep, fake.clock.random)
        tuning = Tuning(start=8, ceiling=8, retries=40, backoff=0.1, patience=300)
        replies = ask(server.base, users, tuning=tuning, clock=clock, constrain=False)
        assert [r.text for r in replies] == [word_of(u) for u in users]
    assert max(fake.slept) >= 4


def test_a_server_that_never_comes_back_ends_every_question_with_a_reason() -> None:
    """After the patience that was asked for, nobody waits."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    fake = FakeClock()
    replies = ask(base, reports(60), tuning=Tuning(patience=30), clock=fake.clock, constrain=False)
    assert {r.reason for r in replies} == {"no connection (Connection refused)"}
    assert is_unusable(replies[0].reason)


def test_giving_up_a_question_gives_its_place_back() -> None:
    """Cancelled while it waits or while it is asked, the others are answered all the same."""

    async def run(base: str) -> list[str | None]:
        async with opened(base, tuning=Tuning(start=2, ceiling=2), constrain=False) as client:
            tasks = [asyncio.create_task(client.ask(HEAD, f"{i}", WORDS)) for i in range(12)]
            while not server.in_flight:
                await asyncio.sleep(0)
            for task in tasks[:6]:
                task.cancel()
            await asyncio.wait(tasks)
            assert all(t.cancelled() for t in tasks[:6])
            return [t.result().text for t in tasks[6:]]

    with FaultServer(Plan(latency=0.02)) as server:
        assert asyncio.run(run(server.base)) == [word_of(f"{i}") for i in range(6, 12)]


def test_a_redirect_is_not_followed() -> None:
    """A report goes to the address that was named and to no other."""
    with FaultServer() as server:
        (reply,) = ask(server.base.replace("/v1", "/moved"), ["x"])
        assert reply.reason == "HTTP 307"
        assert is_unusable(reply.reason)
        assert not server.attempts


# Rates and several servers.


def test_requests_and_tokens_a_minute_are_kept() -> None:
    """Thirty calls at sixty a minute take at least 28 seconds; so do tokens at their rate."""
    for tuning in (Tuning(rpm=60), Tuning(tpm=60 * 30)):
        fake = FakeClock()
        with FaultServer() as server:
            replies = ask(server.base, reports(30), tuning=tuning, clock=fake.clock, constrain=False)
            assert all(r.text for r in replies)
        assert fake.time >= 1000 + 26


def test_several_servers_share_the_load_by_their_speed() -> None:
    """Named in one list, the quick one gets most and the slow one some."""
    with FaultServer() as quick, FaultServer(Plan(latency=0.1)) as slow:
        users = reports(200)
        replies = ask(f"{quick.base}, {slow.base}", users, tuning=Tuning(ceiling=8), constrain=False)
        assert [r.text for r in replies] == [word_of(u) for u in users]
        asked = quick.attempts.total(), slow.attempts.total()
        assert sum(asked) == 200
        assert asked[0] > 2 * asked[1] > 0


def test_a_server_that_is_down_is_stood_in_for() -> None:
    """What fails on one is asked of the other, without a wait."""
    fake = FakeClock()
    with FaultServer() as good, FaultServer() as bad:
        bad.down = True
        users = reports(80)
        replies = ask([bad.base, good.base], users, tuning=Tuning(), clock=fake.clock, constrain=False)
        assert [r.text for r in replies] == [word_of(u) for u in users]
        assert bad.answers.total() == 0


# What servers offer.


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("form", ["structured_outputs", "guided_choice", "grammar", "json_schema"])
def test_a_server_that_constrains_answers_is_found_out(form: str, strict: bool) -> None:
    """Whichever way it offers, and whether it refuses the others or passes over them; probed once."""
    with FaultServer(Plan(offers=frozenset({form}), strict=strict), answer=lambda u: "absent") as server:
        replies = ask(server.base, reports(30))
        assert {r.text for r in replies} == {"absent"}
        asked = [b for b in server.bodies if len(b["messages"]) > 1]
        field = "response_format" if form == "json_schema" else form
        assert all(field in b for b in asked)
        assert len(asked) == 30
        assert len(server.bodies) - len(asked) <= 4


def test_the_answer_of_a_constrained_server_is_one_of_the_words() -> None:
    """A model that would ramble is held to them."""
    with FaultServer(Plan(offers=frozenset({"structured_outputs"})), answer=lambda u: "Well, …") as server:
        assert {r.text for r in ask(server.base, reports(5), QWEN)} == {"present"}


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_that_constrains_nothing_is_asked_plainly(strict: bool) -> None:
    """Silently: the answers are as they come."""
    with FaultServer(Plan(strict=strict)) as server:
        users = reports(10)
        assert [r.text for r in ask(server.base, users)] == [word_of(u) for u in users]
        assert all(set(b) == {"messages", "model", "temperature", "max_tokens"} for b in server.bodies[-10:])


def test_a_server_that_changes_its_mind_is_asked_plainly() -> None:
    """What it refuses with a constraint it is asked without; after three such in a row the constraint is left out."""

    async def run(server: FaultServer) -> list[Reply]:
        async with opened(server.base, QWEN, tuning=Tuning(start=1, ceiling=1)) as client:
            first = await client.ask(HEAD, "0", WORDS)
            server.plan = Plan(strict=True)
            return [first, *[await client.ask(HEAD, f"{i}", WORDS) for i in range(1, 9)]]

    with FaultServer(Plan(offers=frozenset({"structured_outputs"})), answer=lambda u: "absent") as server:
        assert {r.text for r in asyncio.run(run(server))} == {"absent"}
        refused = [b for b in server.bodies[1:] if len(b["messages"]) > 1 and "structured_outputs" in b]
        assert len(refused) == 1 + 3


def test_thinking_is_switched_off_where_the_server_takes_it() -> None:
    """A server that refuses the option is asked without it."""
    for strict in (False, True):
        with FaultServer(Plan(strict=strict)) as server:
            assert {r.reason for r in ask(server.base, reports(4), QWEN, constrain=False)} == {""}
            asked = [b for b in server.bodies if len(b["messages"]) > 1]
            off = None if strict else {"enable_thinking": False}
            assert [b.get("chat_template_kwargs") for b in asked] == [off] * 4
    with FaultServer() as server:
        ask(server.base.removesuffix("/v1"), ["x"], "ollama_chat/qwen3:14b", constrain=False)
        assert server.bodies[-1]["reasoning_effort"] == "none"


def test_log_odds_come_only_when_they_are_asked_for() -> None:
    """From the first token's alternatives, those that belong to a word added up; nothing from a server without."""
    with FaultServer(Plan(logprobs=True)) as server:
        users = reports(12)
        assert {r.log_odds for r in ask(server.base, users)} == {None}
        assert "logprobs" not in server.bodies[-1]
        for user, reply in zip(users, ask(server.base, users, logprobs=True), strict=True):
            expected = math.log(9) if word_of(user) == "present" else -math.log(9)
            assert reply.log_odds == pytest.approx(expected)
    with FaultServer(Plan(strict=True)) as server:
        assert {(r.log_odds, r.reason) for r in ask(server.base, reports(3), logprobs=True)} == {(None, "")}


def test_an_answer_may_have_to_fit_a_schema() -> None:
    """One call for several findings: the schema goes along where the server keeps to it, else the prompt has to do."""
    schema = {
        "type": "object", "properties": {f: {"type": "string", "enum": list(WORDS)} for f in ("nodule", "oedema")},
        "required": ["nodule", "oedema"], "additionalProperties": False,
    }  # fmt: skip

    async def run(base: str) -> Reply:
        async with opened(base) as client:
            return await client.ask(HEAD, "x", (), schema=schema)

    with FaultServer(Plan(offers=frozenset({"json_schema"})), answer=lambda u: "absent") as server:
        assert json.loads(asyncio.run(run(server.base)).text or "") == {"nodule": "absent", "oedema": "absent"}
        assert server.bodies[-1]["response_format"]["json_schema"]["schema"] == schema
    with FaultServer(answer=lambda u: "absent") as server:
        assert asyncio.run(run(server.base)) == Reply(None, "the answer was no JSON", None, 70, 64, 1)


# Addresses and keys.


def test_a_user_and_a_password_in_an_address_are_sent_and_never_shown() -> None:
    """As basic authorization in place of the key; neither the model nor its settings show them."""
    with FaultServer() as server:
        base = server.base.replace("http://", "http://us%40er:pa:ss@")
        model = open_model(NAME, api_base=base)
        assert ask(base, ["x"])[0].text == word_of("x")
        pair = base64.b64encode(b"us@er:pa:ss").decode()
        assert set(server.authorizations) == {f"Basic {pair}"}
        assert "pa:ss" not in repr(model) + json.dumps(model.settings)
        assert model.settings["api_base"] == server.base


def test_a_server_without_a_key_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """No header is made up."""
    monkeypatch.delenv("OPENAI_API_KEY")
    with FaultServer() as server:
        ask(server.base, ["x"])
        assert set(server.authorizations) == {None}


def test_every_provider_has_an_address_that_a_variable_can_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option goes before a variable, a variable before the provider's own; Ollama's protocol is under /v1."""
    assert direct_addresses("dashscope", ()) == ("https://dashscope.aliyuncs.com/compatible-mode/v1",)
    assert direct_addresses("anthropic", ("http://x",)) == ()
    assert direct_addresses("ollama_chat", ("http://x:11434/", "http://y/v1")) == ("http://x:11434/v1", "http://y/v1")
    monkeypatch.setenv("GROQ_API_BASE", "http://x/v1,http://y/v1")
    assert direct_addresses("groq", ()) == ("http://x/v1", "http://y/v1")
    assert direct_addresses("groq", ("http://z/v1",)) == ("http://z/v1",)


@pytest.mark.parametrize("base", ["127.0.0.1:8000/v1", "ftp://x/v1", "http://", "http://a/v1,us:pw@b/v1"])
def test_what_is_no_address_is_an_input_error(base: str) -> None:
    """Told in one sentence without a password."""
    with pytest.raises(InputError, match="expected an address such as") as raised:
        open_model(NAME, api_base=base)
    assert "pw" not in str(raised.value)


def test_several_addresses_are_kept_without_credentials() -> None:
    """As one setting, which opens the same servers again; `make_lm` asks the first."""
    model = open_model(NAME, api_base=["http://u:w@a/v1", "http://b/v1"])
    assert model.settings["api_base"] == "http://a/v1,http://b/v1"
    assert model.make_lm().kwargs["api_base"] == "http://u:w@a/v1"


def test_operational_settings_are_no_part_of_a_model() -> None:
    """What changes the answers is recorded where it is unusual; how quickly they are asked for is not."""
    plain = open_model(NAME, api_base="http://a/v1").settings
    paced = open_model(NAME, api_base="http://a/v1", rpm=10, tpm=1000, patience=1, timeout=5)
    assert paced.settings == plain
    assert paced.pace == {"rpm": 10, "tpm": 1000, "timeout": 5}
    unusual = open_model(NAME, api_base="http://a/v1", logprobs=True, constrain=False).settings
    assert unusual == plain | {"logprobs": True, "constrain": False}


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """As other programs do; an address that no_proxy names is asked directly."""
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as proxy, FaultServer() as server:
        monkeypatch.setenv("http_proxy", proxy.base.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert ask("http://reports.invalid/v1", ["x"], constrain=False)[0].text == word_of("x")
        assert ask(server.base, ["y"], constrain=False)[0].text == word_of("y")
        assert (dict(proxy.attempts), dict(server.attempts)) == ({"x": 1}, {"y": 1})


def test_a_time_out_ends_what_is_late_and_nothing_else() -> None:
    """One timer for all: what is in time stays, and who is cancelled by another is cancelled, not late."""

    async def work(deadline: Deadline, wait: asyncio.Event) -> str:
        task = deadline.begin()
        try:
            await wait.wait()
        except asyncio.CancelledError:
            if deadline.expired(task):
                return "late"
            raise
        finally:
            deadline.end(task)
        await asyncio.sleep(0)
        return "in time"

    async def run() -> list[str | BaseException]:
        deadline, over, never = Deadline(0.05), asyncio.Event(), asyncio.Event()
        over.set()
        tasks = [asyncio.create_task(work(deadline, e)) for e in (over, never, never, over)]
        await asyncio.sleep(0)
        tasks[2].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [t.cancelling() for t in tasks] == [0, 0, 1, 0]
        deadline.close()
        return found

    found = asyncio.run(run())
    assert [str(f) if isinstance(f, str) else type(f) for f in found] == [
        "in time", "late", asyncio.CancelledError, "in time",
    ]  # fmt: skip
