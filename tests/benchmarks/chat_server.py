"""A chat server for benchmarks that reads a request and writes one fixed answer, at once or after a while.

`python tests/benchmarks/chat_server.py [--latency 0.05]` prints its address and serves until it is ended.
"""

from __future__ import annotations

import argparse
import asyncio
import json

_BODY = json.dumps(
    {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "absent"}}],
        "usage": {"prompt_tokens": 700, "completion_tokens": 1, "total_tokens": 701},
    }
).encode()  # fmt: skip
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)


class Chat(asyncio.Protocol):
    """One connection."""

    def __init__(self, latency: float) -> None:
        self._latency, self._held = latency, b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers each request once it is whole."""
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            at = self._held.lower().find(b"content-length:", 0, end)
            whole = end + 4 + int(self._held[at + 15 : self._held.find(b"\r", at)])
            if len(self._held) < whole:
                return
            self._held = self._held[whole:]
            if self._latency:
                asyncio.get_running_loop().call_later(self._latency, self._transport.write, _REPLY)
            else:
                self._transport.write(_REPLY)


async def serve(latency: float) -> None:
    """Serves for ever."""
    server = await asyncio.get_running_loop().create_server(lambda: Chat(latency), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args().latency))
