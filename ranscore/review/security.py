"""Who may ask for what: hosts, tokens, origins and sizes, checked before any route runs; safe headers on every answer.

The page is for the machine that it runs on. Whatever another site can make a reader's browser send (a form, a script,
a renamed address) is refused here, so that no route has to think of it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import re
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from fastapi import HTTPException

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 256 * 1024
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_STEPS_UP = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|\x00")
_log = logging.getLogger("ranscore.review")


class RefusedError(HTTPException):
    """A request that is not taken: an HTTP status, and a sentence that names no text of a report."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Gate:
    """What is let in. `readers` maps a reader's name to his token; without tokens all who reach the page are `reader`.

    `hosts` are the names by which a browser may call the page (against DNS rebinding), with the port left out.
    """

    reader: str
    port: int
    hosts: tuple[str, ...] = LOOPBACK
    readers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies are shared by all ports of a host."""
        return f"ranscore_{self.port}"

    def csrf_token(self, reader: str) -> str:
        """What a page sends back with everything that it writes."""
        return hmac.new(self.secret, reader.encode(), hashlib.sha256).hexdigest()

    def reader_of(self, token: str) -> str | None:
        """The reader whose token it is; every token is compared, so that time tells nothing."""
        found = None
        for name, known in self.readers.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = name
        return found


def make_gate(readers: Sequence[str], host: str, port: int, names: Sequence[str] = ()) -> Gate:
    """The gate of a server on `host`: beyond loopback, or with several readers, each reader gets a token.

    `names` are further names by which browsers may call it, as behind a proxy; they ask for tokens too.
    """
    known = _host_names(host)
    tokens = (
        {} if is_loopback(host) and len(readers) == 1 and not names else {r: secrets.token_urlsafe(32) for r in readers}
    )
    return Gate(readers[0], port, tuple(dict.fromkeys([*LOOPBACK, *known, *(n.casefold() for n in names)])), tokens)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _host_names(host: str) -> list[str]:
    """The names of an address; of one that stands for all addresses, this machine's own name and addresses."""
    import socket

    bare = host.strip("[]").casefold()
    if bare not in {"0.0.0.0", "::"}:
        return [f"[{bare}]" if ":" in bare else bare]
    own = socket.gethostname().casefold()
    found = [own, socket.getfqdn().casefold()]
    try:
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(own, None)]
    except OSError:
        return found
    return [f"[{name}]" if ":" in name else name for name in found]


class Guard:
    """ASGI middleware around the whole application: checks every request, dresses every answer, tells no secrets."""

    def __init__(self, app: App, gate: Gate) -> None:
        self.app, self.gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; what fails inside is logged without its message, which could hold report text."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        begun = False

        async def dressed(message: MutableMapping[str, Any]) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                names = {name for name, _ in message.get("headers", [])}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in names]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        try:
            await self._admit(scope, receive, dressed)
        except RefusedError as refused:
            await _answer(dressed, refused.status, refused.reason, as_page=_wants_page(scope))
        except Exception as fault:
            _log.error("%s in %s", type(fault).__name__, places_of(fault))
            if not begun:
                await _answer(
                    dressed, 500, "Something went wrong on the server; nothing was saved. Its log says where."
                )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        check_request(self.gate, scope["method"], headers)
        check_path(scope)
        token = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))).get("token", "")
        reader = self._reader(headers, token)
        if token and scope["method"] == "GET" and scope["path"] == "/" and self.gate.readers:
            await _let_in(send, self.gate.cookie, token)
            return
        scope.setdefault("state", {})["reader"] = reader
        if scope["method"] == "POST":
            check_post(self.gate, reader, headers)
            receive = _limited(receive, headers)
        await self.app(scope, receive, send)

    def _reader(self, headers: Mapping[str, str], token: str) -> str:
        if not self.gate.readers:
            return self.gate.reader
        pairs = [part.strip().partition("=") for part in headers.get("cookie", "").split(";")]
        kept = next((value for name, _, value in pairs if name == self.gate.cookie), "")
        reader = self.gate.reader_of(token or kept)
        if reader is None:
            raise RefusedError(401, "This page asks for a token: open the address that `ranscore review` printed.")
        return reader


def check_request(gate: Gate, method: str, headers: Mapping[str, str]) -> None:
    """Raises RefusedError for a host that is not ours, a method that is not used, or another site's request."""
    if method not in {"GET", "HEAD", "POST"}:
        raise RefusedError(405, "Only GET and POST are answered here.")
    if _without_port(headers.get("host", ""), gate.port) not in gate.hosts:
        raise RefusedError(421, "This server does not answer to that host name; see --allow-host.")
    site = headers.get("sec-fetch-site", "none")
    opened = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    if site not in {"none", "same-origin"} and not (method == "GET" and opened):
        raise RefusedError(403, "Requests from other sites are refused.")


def _without_port(host: str, port: int) -> str:
    name, colon, given = host.casefold().rpartition(":")
    if colon and given.isdigit() and not host.endswith("]"):
        return name if int(given) == port else ""
    return host.casefold()


def check_path(scope: Scope) -> None:
    """Raises RefusedError where the path or a parameter climbs folders, however often it was quoted."""
    parts = [scope["path"], scope.get("raw_path", b"").decode("latin-1")]
    for name, value in parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True):
        parts += [name, value]
    for part in parts:
        text, before = part, ""
        while text != before:
            if _STEPS_UP.search(text):
                raise RefusedError(400, "A path or parameter holds '..' or a NUL character.")
            text, before = unquote(text), text


def check_post(gate: Gate, reader: str, headers: Mapping[str, str]) -> None:
    """Raises RefusedError for a write that does not come from our own page."""
    origin = headers.get("origin")
    if origin is None and headers.get("sec-fetch-site") != "same-origin":
        raise RefusedError(403, "A write without an origin is refused.")
    if origin is not None and urlsplit(origin).netloc.casefold() != headers.get("host", "").casefold():
        raise RefusedError(403, "A write from another site is refused.")
    given = headers.get("x-ranscore-csrf", "")
    if not hmac.compare_digest(given.encode(), gate.csrf_token(reader).encode()):
        raise RefusedError(403, "csrf")
    if headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
        raise RefusedError(415, "A write is JSON.")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MOST_BYTES:
        raise RefusedError(413, f"A write has at most {MOST_BYTES // 1024} kB.")


def _limited(receive: Receive, headers: Mapping[str, str]) -> Receive:
    """The body, of which no more than the limit is read, whatever its length was said to be."""
    taken = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MOST_BYTES:
            raise RefusedError(413, f"A write has at most {MOST_BYTES // 1024} kB.")
        return message

    return limited


async def _let_in(send: Send, cookie: str, token: str) -> None:
    """Puts the token into a cookie and goes on without it in the address.

    By a page, not by a redirect: browsers keep strict cookies back from a redirect that began on another site.
    """
    body = _page('<p><a href="/">Open the review page</a></p>', '<meta http-equiv="refresh" content="0; url=/">')
    kept = f"{cookie}={token}; Path=/; HttpOnly; SameSite=Strict".encode()
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"set-cookie", kept)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _page(body: str, head: str = "") -> bytes:
    head = f'<meta charset="utf-8"><link rel="icon" href="/static/mark.svg"><title>ranscore review</title>{head}'
    return f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>'.encode()


def _wants_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


async def _answer(send: Send, status: int, reason: str, *, as_page: bool = False) -> None:
    """A refusal: JSON, or for a browser that opens a page one sentence."""
    body, kind = json.dumps({"error": reason}).encode(), b"application/json"
    if as_page:
        body, kind = _page(f"<p>{escape(reason)}</p>"), b"text/html; charset=utf-8"
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def places_of(fault: BaseException) -> str:
    """Where a fault arose, by file and line; without its message, which may hold report text."""
    frames = traceback.extract_tb(fault.__traceback__)[-3:]
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
