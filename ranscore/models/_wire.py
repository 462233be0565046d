"""Chat completions as bytes: a question becomes a request, a reply is read. A head is encoded once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ranscore.models._base import Message, Reply, count_tokens
from ranscore.models._faults import CUT, NO_COMPLETION, Fault, fault_of_status

_HEADS = 4096
THINKING = "the model was still thinking when its answer ended"
CUT_OFF = "the answer was cut off at the limit of tokens"
EMPTY = "the answer was empty"


@dataclass(slots=True)
class Question:
    """What is asked: messages, then the user's; two answer words or none; a JSON schema or none."""

    head: Sequence[Message]
    user: str
    words: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    messages: Sequence[Message]  # held, so that its id stays its own
    start: bytes
    tokens: int


class Encoder:
    """Questions as request bodies; `fields` go into each of them, `beside` into each message of the assistant."""

    def __init__(self, fields: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> None:
        self._fields, self._beside = fields, beside or {}
        self._heads: dict[int, _Head] = {}
        self._ends: dict[object, bytes] = {}

    def encode(self, question: Question, key: object, options: Mapping[str, Any]) -> bytes:
        """The body; `key` stands for `options`, which are encoded once for each key."""
        end = self._ends.get(key)
        if end is None:
            rest = json.dumps({**self._fields, **options})
            end = self._ends[key] = b"}]" + (b"," + rest[1:].encode() if len(rest) > 2 else b"}")
        return self._head(question.head).start + json.dumps(question.user).encode() + end

    def tokens(self, question: Question) -> int:
        """The prompt's tokens, estimated."""
        return self._head(question.head).tokens + count_tokens(question.user)

    def _head(self, messages: Sequence[Message]) -> _Head:
        known = self._heads.get(id(messages))
        if known is not None:
            return known
        turns = [{"role": r, "content": c, **(self._beside if r == "assistant" else {})} for r, c in messages]
        given = json.dumps(turns)
        start = '{"messages":' + given[:-1] + (", " if messages else "") + '{"role": "user", "content": '
        made = _Head(messages, start.encode(), sum(count_tokens(content) for _, content in messages))
        if isinstance(messages, tuple):  # what may change is encoded anew
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[id(messages)] = made
        return made


def read_completion(body: bytes | dict[str, Any], question: Question, *, wrapped: bool = False) -> Reply | Fault:
    """The answer in a chat completion; `wrapped` where the server was told to give the word as JSON."""
    if isinstance(body, bytes):
        try:
            data = _parse(body)
        except (ValueError, RecursionError):
            return CUT if body.lstrip()[:1] == b"{" else NO_COMPLETION
    else:
        data = body
    try:
        choice = data["choices"][0]
        text, reason = _read(choice, question, wrapped)
        told = choice.get("logprobs")
        odds = _log_odds(told, question.words) if told and text is not None else None
        return Reply(text, reason, odds, *_counts(data.get("usage")))
    except (LookupError, TypeError, AttributeError, ValueError):
        return _fault_inside(data)


def _parse(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return json.loads(body)  # which lets lone surrogates pass


def _fault_inside(data: object) -> Fault:
    """Some gateways send their errors under status 200."""
    error = data.get("error") if isinstance(data, dict) else None
    status = error.get("code") if isinstance(error, dict) else None
    if isinstance(status, int) and 400 <= status < 600:
        return fault_of_status(status, {}, json.dumps(data).encode(), 0.0)
    return NO_COMPLETION


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if content is None:
        return ""
    raise TypeError


def _read(choice: Mapping[str, Any], question: Question, wrapped: bool) -> tuple[str | None, str]:
    """The answer, or nothing and the reason."""
    message, ended = choice["message"], choice.get("finish_reason")
    text = without_thought(_content(message.get("content")))
    if text is None:
        return None, THINKING
    if ended == "content_filter":
        return None, "the provider's filter stopped the answer"
    if not text.strip():
        if ended == "length":
            return None, THINKING if message.get("reasoning_content") or message.get("reasoning") else CUT_OFF
        return None, "the model refused to answer" if message.get("refusal") else EMPTY
    if ended == "length" and text.strip().casefold() not in [w.casefold() for w in question.words]:
        return None, CUT_OFF
    if question.schema is not None:
        return (text, "") if _is_json(text) else (None, "the answer was no JSON")
    return (_unwrapped(text) if wrapped else text), ""


def without_thought(text: str) -> str | None:
    """A text without the block of thought that it begins with; None where that block has no end.

    Where a chat template writes the opening tag itself, the text begins inside the block.
    """
    start = text.lstrip()
    if start[:7].lower() == "<think>":
        _, closed, rest = start.partition("</think>")
        return rest.lstrip() if closed else None
    if len(text) > 8 and "</think>" in text:
        return text.rpartition("</think>")[2].lstrip()
    return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _unwrapped(text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    value = value.get("answer") if isinstance(value, dict) else value
    return value if isinstance(value, str) else text


def _counts(usage: object) -> tuple[int, int, int]:
    """Tokens read, those of them that the server still knew, and tokens written."""
    if not isinstance(usage, dict):
        return 0, 0, 0
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else usage.get("prompt_cache_hit_tokens")
    return _count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens"))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


# Log-odds of the two words.


def _log_odds(logprobs: object, words: Sequence[str]) -> float | None:
    """log P(first word) - log P(second word) of the first answer token.

    A token belongs to a word that it begins or is, whatever its case and the blanks around it; one that begins both
    words belongs to neither. Where only one word is among the tokens told, the least likely of them bounds the other.
    """
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if len(words) != 2 or not isinstance(tokens, list):
        return None
    first = next(_answer_tokens(tokens), None)
    told = [t for t in (first or {}).get("top_logprobs") or [] if isinstance(t.get("logprob"), int | float)]
    wanted = [w.casefold().encode() for w in words]
    sums: list[list[float]] = [[], []]
    for token in told:
        fits = [i for i, word in enumerate(wanted) if _begins(_bytes(token), word)]
        if len(fits) == 1:
            sums[fits[0]].append(float(token["logprob"]))
    if not any(sums):
        return None
    least = min(float(t["logprob"]) for t in told)
    present, absent = (_log_sum(s) if s else least for s in sums)
    return present - absent


def _answer_tokens(tokens: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tokens after a block of thought, blank ones left out."""
    thoughts = [i for i, t in enumerate(tokens) if "</think>" in t["token"]]
    after = tokens[thoughts[-1] + 1 :] if thoughts else tokens
    return (t for t in after if t["token"].strip())


def _bytes(token: Mapping[str, Any]) -> bytes:
    raw = token.get("bytes")
    found = bytes(raw) if isinstance(raw, list) else str(token["token"]).encode("utf-8", "surrogatepass")
    found = found.strip()
    try:
        return found.decode().casefold().encode()
    except UnicodeDecodeError:
        return found


def _begins(token: bytes, word: bytes) -> bool:
    if token.startswith(word):
        rest = token[len(word) :]
        return not rest[:1].isalnum() and rest[:1] < b"\x80"
    return len(token) > 1 and word.startswith(token)


def _log_sum(values: Sequence[float]) -> float:
    most = max(values)
    if most == -math.inf:
        return most
    return most + math.log(sum(math.exp(v - most) for v in values))
