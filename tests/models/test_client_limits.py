"""Windows, rates, breakers and waits, on a clock of the test's own."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranscore.models._faults import Fault, asked_wait, fault_of_status, is_unusable, reset_wait
from ranscore.models._limits import Breaker, Bucket, Tuning, Window

DOWN, BUSY = Fault("HTTP 500", "down"), Fault("HTTP 429", "busy")
Server = Callable[[int, random.Random], tuple[float, Fault | None]]


def drive(server: Server, attempts: int = 6000, start: int = 8, ceiling: int = 256) -> tuple[list[float], int]:
    """A window's sizes while as many calls as it allows are always in flight, and the calls that failed."""
    chance, now, window = random.Random(0), 0.0, Window(start, ceiling, 0.0)
    ends: list[tuple[float, int, float, Fault | None]] = []
    sizes, failed = [], 0
    for number in range(attempts):
        while len(ends) < int(window.size):
            seconds, fault = server(len(ends) + 1, chance)
            heapq.heappush(ends, (now + seconds, number * 1000 + len(ends), seconds, fault))
        in_flight = len(ends)
        now, _, seconds, fault = heapq.heappop(ends)
        failed += fault is not None
        window.note(in_flight, seconds, fault, now)
        sizes.append(window.size)
    return sizes, failed


def test_a_window_opens_while_more_calls_bring_more_answers() -> None:
    """A server with a fixed latency and endless capacity is used up to the ceiling, soon."""
    sizes, _ = drive(lambda n, r: (0.05 * r.uniform(0.9, 1.1), None))
    assert max(sizes[:1500]) > 100
    assert sizes[-1] > 150


def test_a_window_stays_near_what_a_server_can_do() -> None:
    """Where twelve at once are all that a server works on, more in flight only wait."""
    sizes, _ = drive(lambda n, r: (0.2 * max(1.0, n / 12) * r.uniform(0.95, 1.05), None))
    assert 8 <= sizes[-1] <= 40
    assert max(sizes[3000:]) <= 48


def test_a_window_closes_on_a_server_that_refuses_the_surplus() -> None:
    """A server that takes ten at a time is asked about ten at a time, and few calls are wasted."""
    sizes, failed = drive(lambda n, r: (0.1, None) if n <= 10 else (0.01, BUSY), start=64)
    assert 5 <= sizes[-1] <= 20
    assert failed < 6000 * 0.3


def test_a_window_closes_when_a_server_breaks_down() -> None:
    """Failures that were not usual before shrink it."""
    window = Window(64, 256, 0.0)
    for i in range(64):
        window.note(64, 0.1, DOWN, i * 0.01)
    assert window.size == 32


def test_faults_that_have_nothing_to_do_with_load_keep_no_window_shut() -> None:
    """A fifth of failures, whatever the load, and a server that gains by more calls: it stays wide."""
    sizes, failed = drive(lambda n, r: (0.05 * r.uniform(0.9, 1.1), DOWN if r.random() < 0.2 else None), attempts=20000)
    assert failed > 3000
    assert sorted(sizes[10000:])[len(sizes[10000:]) // 2] > 32


@given(st.lists(st.sampled_from([None, DOWN, BUSY]), max_size=400), st.integers(1, 50))
def test_a_window_keeps_within_one_and_its_ceiling(outcomes: list[Fault | None], start: int) -> None:
    """Whatever happens."""
    window = Window(start, 40, 0.0)
    for i, fault in enumerate(outcomes):
        window.note(int(window.size), 0.1, fault, i * 0.03)
        assert 1 <= window.size <= 40


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 600))
def test_no_minute_sees_more_than_its_rate(gaps: list[float], rate: int) -> None:
    """Calls that wait as long as they are told never pass the rate by more than two seconds' worth."""
    bucket, now, sent = Bucket(rate, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.take(1, now))
    for begin in sent:
        assert sum(begin <= s < begin + 60 for s in sent) <= rate + max(1.0, rate / 30) + 1


def test_a_bucket_makes_those_wait_who_come_too_soon() -> None:
    """Sixty a minute are one a second after the first two, and what was taken too much is given back."""
    bucket = Bucket(60, 0.0)
    assert [bucket.take(1, 0.0) for _ in range(4)] == [0, 0, 1, 2]
    bucket.correct(-2)
    assert bucket.take(1, 0.0) == 1


def test_a_breaker_opens_lets_a_few_try_and_closes() -> None:
    """First attempts that fail in a row open it; then three may try; when all have failed it is open twice as long."""
    breaker = Breaker(3, 1.0)
    for _ in range(2):
        breaker.note(DOWN, 0.0)
    breaker.note(DOWN, 0.0, first=False)
    assert not breaker.open
    breaker.note(DOWN, 0.0)
    assert breaker.open
    assert not breaker.lets(0.5)
    for _ in range(3):
        assert breaker.lets(1.0)
        breaker.begin()
    assert not breaker.lets(1.0)
    for _ in range(3):
        assert not breaker.lets(9.0)
        breaker.note(DOWN, 1.1)
    assert not breaker.lets(3.0)
    assert breaker.lets(3.1)
    breaker.begin()
    breaker.begin()
    breaker.note(DOWN, 3.2)
    breaker.note(None, 3.2)
    assert not breaker.open
    assert breaker.lets(3.2)


def test_a_trial_that_is_given_up_leaves_its_turn_to_another() -> None:
    """It has told nothing."""
    breaker = Breaker(1, 1.0)
    breaker.note(DOWN, 0.0)
    for _ in range(5):
        assert breaker.lets(1.0)
        breaker.begin()
        breaker.abandon()
    assert breaker.open


def test_a_server_that_answers_with_a_refusal_is_not_down() -> None:
    """Status 429 and 404 come from a server that is there."""
    breaker = Breaker(1, 1.0)
    breaker.note(BUSY, 0.0)
    breaker.note(Fault("HTTP 404", "final"), 0.0)
    assert not breaker.open


@given(st.integers(1, 40), st.floats(0, 1))
def test_back_off_doubles_within_its_limit(attempt: int, chance: float) -> None:
    """Between a half and the whole of the doubled base, thirty seconds at most."""
    most = min(30.0, 0.5 * 2 ** (attempt - 1))
    assert most / 2 <= Tuning().delay(attempt, chance) <= most


ANTHROPIC = ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset")
NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((NOW + 9) * 1000))}, 9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW + 9))}, 9),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "12"}, 12),
        (dict(zip(ANTHROPIC, ("0", "2027-01-15T08:00:05Z"), strict=True)), 5),
        ({}, None),
    ],
)  # fmt: skip
def test_a_server_is_left_alone_as_long_as_it_asks(headers: dict[str, str], wait: float | None) -> None:
    """Retry-After in seconds or as a date, and the vendors' own headers; what cannot be read asks for nothing."""
    found = asked_wait(headers, NOW)
    assert found == (None if wait is None else pytest.approx(wait, abs=0.01))
    assert fault_of_status(429, headers, b"", NOW).wait == found


def test_a_limit_of_which_something_is_left_asks_for_no_wait() -> None:
    """Only the limit that is used up counts."""
    headers = {
        "x-ratelimit-remaining-requests": "10", "x-ratelimit-reset-requests": "60s",
        "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "3s",
    }  # fmt: skip
    assert reset_wait(headers, NOW) == 3


@pytest.mark.parametrize(
    ("status", "body", "reason", "kind"),
    [
        (400, b'{"error": {"message": "secret", "code": "x"}}', "HTTP 400", "refused"),
        (400, b"maximum context length is 4096, secret", "HTTP 400: the prompt is longer than", "final"),
        (401, b'{"error": {"code": "invalid_api_key", "message": "secret"}}', "HTTP 401 (invalid_api_key)", "final"),
        (404, b"<html>secret", "HTTP 404", "final"),
        (307, b"", "HTTP 307", "final"),
        (429, b'{"error": {"code": "insufficient_quota"}}', "HTTP 429 (insufficient_quota)", "final"),
        (429, b"secret", "HTTP 429", "busy"),
        (500, b"[" * 100_000, "HTTP 500", "broken"),
        (529, b'{"error": {"type": "overloaded_error"}}', "HTTP 529 (overloaded_error)", "busy"),
        (599, b"null", "HTTP 599", "broken"),
    ],
)
def test_a_status_is_told_without_the_servers_words(status: int, body: bytes, reason: str, kind: str) -> None:
    """Codes of a fixed list pass, nothing else does; what may pass by itself is told apart from what cannot."""
    fault = fault_of_status(status, {}, body, NOW)
    assert fault.reason.startswith(reason)
    assert "secret" not in fault.reason
    assert fault.kind == kind


@pytest.mark.parametrize(
    ("reason", "unusable"),
    [
        ("HTTP 401 (invalid_api_key)", True),
        ("HTTP 404", True),
        ("HTTP 307", True),
        ("no connection (Connection refused)", True),
        ("no connection (the address's name is not known)", True),
        ("no connection (Connection reset by peer)", False),
        ("HTTP 400", False),
        ("HTTP 429", False),
        ("HTTP 500", False),
        ("the call timed out", False),
        ("the answer was empty", False),
    ],
)
def test_reasons_that_tell_of_an_endpoint_that_cannot_be_used(reason: str, unusable: bool) -> None:
    """A wrong key, address or model is the user's to mend; the rest may be better next time."""
    assert is_unusable(reason) is unusable
