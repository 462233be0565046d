"""OpenAI's chat completions over HTTP, with request bodies that are encoded once but for the report."""

from __future__ import annotations

import base64
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from ranscore.models._deadline import Deadline
from ranscore.models._limits import Tuning
from ranscore.models._wire import Encoder, Question


@dataclass(frozen=True, slots=True)
class Link:
    """The open connections to one server."""

    session: aiohttp.ClientSession
    url: URL
    proxy: str | None


class HttpTransport:
    """Sends questions to servers by their addresses; no redirect is followed, since it would carry a report elsewhere.

    `fields` go into every request, `beside` into each message of the assistant. An address may hold a user and a
    password, which are sent as basic authorization in place of the key.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        key: str | None,
        fields: Mapping[str, Any],
        beside: Mapping[str, Any],
        tuning: Tuning,
    ) -> None:
        self._addresses, self._key, self._tuning = addresses, key, tuning
        self._encoder = Encoder(fields, beside)
        self._links: list[Link] = []
        self._deadline: Deadline

    async def open(self) -> Sequence[Link]:
        """A session for each address."""
        self._deadline = Deadline(self._tuning.timeout)
        self._links = [self._link(address) for address in self._addresses]
        return self._links

    def _link(self, address: str) -> Link:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "ranscore"}
        if authorization := _authorization(parts.username, parts.password, self._key):
            headers["Authorization"] = authorization
        tuning = self._tuning
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=min(tuning.connect, tuning.timeout), sock_read=tuning.read
            ),
        )
        path = parts.path.rstrip("/") + "/chat/completions"
        url = URL(urlunsplit((parts.scheme, host, path, parts.query, "")))
        return Link(session, url, _proxy_of(parts.scheme, parts.hostname or ""))

    async def send(
        self, link: Link, question: Question, key: object, options: Mapping[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body; raises aiohttp's errors and TimeoutError."""
        data = self._encoder.encode(question, key, options)
        task = self._deadline.begin()
        try:
            response = await link.session.post(link.url, data=data, allow_redirects=False, proxy=link.proxy)
            body = await response.read()  # which gives the connection back, also where it fails
        except CancelledError:
            if self._deadline.expired(task):
                raise TimeoutError from None
            raise
        finally:
            self._deadline.end(task)
        return response.status, response.headers, body

    def tokens(self, question: Question) -> int:
        """The prompt's tokens, estimated."""
        return self._encoder.tokens(question)

    async def close(self) -> None:
        """Closes all sessions."""
        self._deadline.close()
        for link in self._links:
            await link.session.close()


def _proxy_of(scheme: str, host: str) -> str | None:
    """The environment's proxy for a host; none for this machine, whatever the environment says."""
    try:
        near = ip_address(host).is_loopback
    except ValueError:
        near = host.rstrip(".") == "localhost"
    return None if near or proxy_bypass(host) else getproxies().get(scheme)


def _authorization(user: str | None, password: str | None, key: str | None) -> str | None:
    if user is not None:
        pair = f"{unquote(user)}:{unquote(password or '')}"
        return "Basic " + base64.b64encode(pair.encode()).decode()
    return f"Bearer {key}" if key else None
