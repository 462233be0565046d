"""Why a call gave no answer, in words that hold nothing of a report, of an answer or of a key.

A server's error text may quote the request, so only its status and codes from a fixed list are passed on.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

Kind = Literal["busy", "down", "broken", "refused", "final"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed attempt. `busy` (asked to slow down), `down` (nobody there) and `broken` (somebody is there, but gave no
    answer) may pass; `refused` is this request's, `final` all's.

    `wait` is how many seconds the server asked to be left alone.
    """

    reason: str
    kind: Kind
    wait: float | None = None

    @property
    def passing(self) -> bool:
        """True where another attempt may succeed."""
        return self.kind in ("busy", "down", "broken")


class UnknownProviderError(Exception):
    """litellm has never heard of a model's provider."""


TIMED_OUT = Fault("the call timed out", "broken")
CUT = Fault("the reply was cut off", "broken")
NO_COMPLETION = Fault("the reply was no chat completion", "final")

_CODES = frozenset(
    {
        "authentication_error", "billing_not_active", "content_filter", "context_length_exceeded",
        "exceed_context_size_error", "insufficient_quota", "invalid_api_key", "invalid_request_error",
        "model_not_found", "not_found_error", "overloaded_error", "permission_error", "rate_limit_error",
        "rate_limit_exceeded", "server_error", "string_above_max_length", "unsupported_parameter",
        "unsupported_value", "Arrearage", "DataInspectionFailed", "data_inspection_failed",
    }
)  # fmt: skip
_TOO_LONG = re.compile(rb"maximum context length|context_length_exceeded|exceed_context_size|context size", re.I)
_NO_CREDIT = frozenset({"insufficient_quota", "billing_not_active", "Arrearage"})
_BUSY = frozenset({429, 503, 529})
_BROKEN = frozenset({408, 409, 425, 500})
_DOWN = frozenset({502, 504, 520, 521, 522, 523, 524})  # of a gateway, for what stands behind it
_REFUSED = frozenset({400, 413, 415, 422, 501})
TOO_LONG = "the prompt is longer than the model's context"
_UNUSABLE = re.compile(
    r"HTTP (?:3\d\d|401|402|403|404|405)\b|no connection \((?:.*refused|.*unreachable|no route|the address)|"
    r"certificate|"
    r"insufficient_quota|billing_not_active|Arrearage|no such provider",
    re.IGNORECASE,
)


def is_unusable(reason: str) -> bool:
    """True for a reason that tells of an endpoint that cannot be used: wrong key, address or model, or nobody there."""
    return bool(_UNUSABLE.search(reason))


def fault_of_status(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Fault:
    """What an HTTP status other than 200 means; `now` is the wall clock in seconds, for dates in headers."""
    code = _code(body)
    reason = f"HTTP {status}" + (f" ({code})" if code else "")
    if code in _NO_CREDIT:
        return Fault(reason, "final")
    if status in _BUSY:
        return Fault(reason, "busy", asked_wait(headers, now))
    if status in _BROKEN | _DOWN:
        return Fault(reason, "down" if status in _DOWN else "broken", asked_wait(headers, now))
    if status in _REFUSED:
        if _TOO_LONG.search(body):
            return Fault(f"HTTP {status}: {TOO_LONG}", "final")
        return Fault(reason, "refused")
    return Fault(reason, "broken" if status >= 500 else "final")


def _code(body: bytes) -> str:
    try:
        error: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    error = error.get("error", error) if isinstance(error, dict) else {}
    named = (error.get("code"), error.get("type")) if isinstance(error, dict) else ()
    return next((c for c in named if isinstance(c, str) and c in _CODES), "")


def fault_of_exception(exception: BaseException) -> Fault:
    """What an exception of a transport means; its own text is not passed on."""
    if isinstance(exception, TimeoutError):
        return TIMED_OUT
    if isinstance(exception, UnknownProviderError):
        return Fault("litellm knows no such provider", "final")
    name = type(exception).__name__
    if "Certificate" in name or "SSL" in name or "Certificate" in type(exception.__cause__).__name__:
        return Fault("the server's certificate was not accepted", "final")
    error = getattr(exception, "os_error", exception)
    if isinstance(error, OSError) and error.errno:
        if error.errno > 0:
            return Fault(f"no connection ({os.strerror(error.errno)})", "down")
        return Fault("no connection (the address's name is not known)", "down")
    if "Payload" in name or "ContentLength" in name or "TransferEncoding" in name or "ContentEncoding" in name:
        return CUT
    if "Disconnected" in name or "Connection" in name:
        return Fault("the server closed the connection", "down")
    return Fault(f"the call failed ({name})", "down")


# How long a server asks to be left alone.

_LIMITS = ("requests", "tokens")
_RESETS = (
    *((f"x-ratelimit-remaining-{k}", f"x-ratelimit-reset-{k}") for k in _LIMITS),
    *((f"anthropic-ratelimit-{k}-remaining", f"anthropic-ratelimit-{k}-reset") for k in _LIMITS),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds by Retry-After (a number or a date), or else until the vendor's exhausted limit is reset."""
    if (milliseconds := headers.get("retry-after-ms")) and (found := _number(milliseconds)) is not None:
        return found / 1000
    if (after := headers.get("retry-after")) and (found := _until(after, now)) is not None:
        return found
    return reset_wait(headers, now)


def reset_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until the limit of which nothing remains is reset, by the vendors' headers; None where some remains."""
    waits = []
    for remaining, reset in _RESETS:
        left = headers.get(remaining)
        if left is not None and _number(left) == 0 and (value := headers.get(reset)):
            waits.append(_until(value, now))
    known = [w for w in waits if w is not None]
    return max(known) if known else None


def _until(value: str, now: float) -> float | None:
    """Seconds from a number of them, a moment in epoch seconds or milliseconds, a span (6m0s), or a date."""
    text = value.strip()
    number = _number(text)
    if number is not None:
        moment = number / 1000 if number > 1e11 else number
        return max(0.0, moment - now if number > 1e9 else number)
    spans = _SPAN.findall(text)
    if spans and "".join(a + b for a, b in spans) == text:
        return sum(float(amount) * _UNITS[unit] for amount, unit in spans)
    try:
        date = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if 0 <= found < float("inf") else None
