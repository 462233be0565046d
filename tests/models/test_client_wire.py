"""What goes over the wire and what is read from it, without a server."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.models._base import Reply, count_tokens
from ranscore.models._faults import CUT, NO_COMPLETION, Fault
from ranscore.models._wire import Encoder, Question, read_completion

WORDS = ("present", "absent")
FREE = Question((), "", WORDS)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)


def completion(text: object = "absent", reason: str = "stop", **parts: Any) -> bytes:
    """A completion as bytes; `parts` go into its message, its choice's `logprobs` and its `usage`."""
    choice: dict[str, Any] = {"message": {"content": text, **parts.get("message", {})}, "finish_reason": reason}
    choice |= {"logprobs": parts["logprobs"]} if "logprobs" in parts else {}
    return json.dumps({"choices": [choice], "usage": parts.get("usage")}).encode()


def read(body: bytes, question: Question = FREE) -> Reply:
    """A reply that is no fault."""
    found = read_completion(body, question)
    assert isinstance(found, Reply)
    return found


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), ANY_TEXT), max_size=4), ANY_TEXT)
def test_a_body_holds_the_messages_and_the_fields(head: list[tuple[str, str]], user: str) -> None:
    """Whatever stands in them, lone surrogates included, what a JSON reader finds is what was given."""
    encoder = Encoder({"model": "m", "temperature": 0.0})
    messages = tuple(head)
    for _ in range(2):
        body = json.loads(encoder.encode(Question(messages, user), 1, {"logprobs": True}))
        assert body.pop("messages") == [{"role": r, "content": c} for r, c in [*head, ("user", user)]]
        assert body == {"model": "m", "temperature": 0.0, "logprobs": True}
    assert encoder.tokens(Question(messages, user)) == sum(count_tokens(c) for _, c in [*head, ("user", user)])


def test_a_head_that_changes_is_encoded_anew() -> None:
    """Only a tuple is remembered; a list may hold something else the next time."""
    encoder, head = Encoder({}), [("system", "a")]
    assert b'"a"' in encoder.encode(Question(head, "x"), 0, {})
    head[0] = ("system", "b")
    assert b'"b"' in encoder.encode(Question(head, "x"), 0, {})


@pytest.mark.parametrize(
    ("body", "text", "reason"),
    [
        (completion("absent"), "absent", ""),
        (completion("<think>Maybe present?</think>\n\nabsent"), "absent", ""),
        (completion("It was the template that opened it.</think>absent"), "absent", ""),
        (completion([{"type": "text", "text": "pre"}, {"type": "text", "text": "sent"}]), "present", ""),
        (completion("present", "length"), "present", ""),
        (completion("The report says", "length"), None, "the answer was cut off at the limit of tokens"),
        (completion("<think>It is", "length"), None, "the model was still thinking when its answer ended"),
        (completion("<think>It is"), None, "the model was still thinking when its answer ended"),
        (completion(None, "length", message={"reasoning_content": "It is"}), None, "still thinking"),
        (completion("", "length"), None, "cut off"),
        (completion(""), None, "the answer was empty"),
        (completion("<think>absent</think>"), None, "empty"),
        (completion(None), None, "empty"),
        (completion(None, message={"refusal": "No."}), None, "the model refused to answer"),
        (completion("absent", "content_filter"), None, "the provider's filter"),
    ],
)
def test_an_answer_is_read_or_the_reason_is_told(body: bytes, text: str | None, reason: str) -> None:
    """Thought is taken away, truncation is recognised, and there is a reason exactly where there is no answer."""
    reply = read(body)
    assert reply.text == text
    assert reason in reply.reason
    assert (reply.text is None) == bool(reply.reason)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (completion()[:-9], CUT),
        (b"", NO_COMPLETION),
        (b"<html>", NO_COMPLETION),
        (b"\xff\xfe", NO_COMPLETION),
        (b"[1]", NO_COMPLETION),
        (b"null", NO_COMPLETION),
        (b'"absent"', NO_COMPLETION),
        (b'{"choices": []}', NO_COMPLETION),
        (b'{"choices": [{"message": null}]}', NO_COMPLETION),
        (b'{"choices": [{"message": {"content": 7}}]}', NO_COMPLETION),
        (b'{"error": {"code": 429, "message": "absent"}}', Fault("HTTP 429", "busy")),
        (b'{"error": {"code": "x", "message": "absent"}}', NO_COMPLETION),
    ],
)
def test_what_is_no_completion_is_a_fault(body: bytes, fault: Fault) -> None:
    """A body that ends too soon may be whole the next time; any other kind of body will not change."""
    assert read_completion(body, FREE) == fault


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_body_stops_a_client(body: bytes | str) -> None:
    """Whatever a server sends, reading it gives a reply or a fault."""
    assert read_completion(body if isinstance(body, bytes) else body.encode(), FREE) is not None


def test_an_answer_that_has_to_be_json_is() -> None:
    """One that is none, or that was cut, is a reason."""
    question = Question((), "", (), {"type": "object"})
    assert read(completion('<think>x</think>{"a": 1}'), question).text == '{"a": 1}'
    assert read(completion("a: 1"), question) == Reply(None, "the answer was no JSON")
    assert read(completion('{"a": 1}', "length"), question).text is None


def test_a_word_inside_json_is_taken_out() -> None:
    """Where the constraint was a schema, the word is what is told."""
    for text in ('{"answer": "present"}', '"present"', "present"):
        assert read_completion(completion(text), FREE, wrapped=True) == Reply("present")


def test_tokens_are_the_servers_own_count() -> None:
    """Cached ones as OpenAI or as DeepSeek name them; what is no count is none."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    assert read(completion(usage=usage)) == Reply("absent", tokens_in=9, tokens_cached=4, tokens_out=2)
    assert read(completion(usage={"prompt_cache_hit_tokens": 3})).tokens_cached == 3
    assert read(completion(usage={"prompt_tokens": "9", "completion_tokens": -1})) == Reply("absent")


# Log-odds.


def odds(tokens: dict[str, float], words: tuple[str, str] = WORDS, before: tuple[str, ...] = ()) -> float | None:
    """The log-odds by the likelihoods of the first token."""
    top = [{"token": t, "logprob": math.log(p)} for t, p in tokens.items()]
    content = [*({"token": t, "logprob": 0.0, "top_logprobs": []} for t in before), {"token": "x", "top_logprobs": top}]
    reply = read_completion(completion(words[1], logprobs={"content": content}), Question((), "", words))
    assert isinstance(reply, Reply)
    return reply.log_odds


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"present": 0.8, "absent": 0.2}, math.log(4)),
        ({" Present": 0.5, "PRESENT": 0.2, "pre": 0.1, "abs": 0.1, "Ab": 0.1}, math.log(4)),
        ({"present.": 0.8, "absent\n": 0.2}, math.log(4)),
        ({"present": 0.9, "The": 0.09, "It": 0.01}, math.log(90)),
        ({"The": 0.9, "absent": 0.09, "It": 0.01}, math.log(0.01 / 0.09)),
        ({"The": 0.9, "It": 0.1}, None),
        ({"a": 0.9, "p": 0.1}, None),
        ({"presents": 0.5, "absently": 0.5}, None),
    ],
)
def test_log_odds_are_of_the_tokens_that_begin_the_words(tokens: dict[str, float], expected: float | None) -> None:
    """Case and blanks aside; longer words and single letters are none of ours; a word that is not told is bounded."""
    assert odds(tokens) == (None if expected is None else pytest.approx(expected))


def test_log_odds_of_other_words() -> None:
    """Yes and No, Chinese ones, and words that begin alike, of which the common beginning decides nothing."""
    assert odds({"Yes": 0.75, "No": 0.25, "Not": 0.1}, ("Yes", "No")) == pytest.approx(math.log(3))
    assert odds({"有": 0.6, "无": 0.3}, ("有", "无")) == pytest.approx(math.log(2))
    assert odds({"ab": 0.9, "abn": 0.06, "abs": 0.03}, ("abnormal", "absent")) == pytest.approx(math.log(2))


def test_log_odds_are_of_the_token_after_the_thought() -> None:
    """Thought and blank tokens are no answer."""
    before = ("<think>", "present", "</think>", "\n\n")
    assert odds({"present": 0.2, "absent": 0.8}, before=before) == pytest.approx(-math.log(4))


@pytest.mark.parametrize("told", [None, {}, {"content": None}, {"content": []}, {"content": [{"token": "x"}]}, 7, [1]])
def test_log_odds_that_are_not_told_are_none(told: object) -> None:
    """A server that leaves them out still gives its answer."""
    assert read(completion(logprobs=told)) == Reply("absent")
