"""What commands that serve pages share: is the port free, and a quiet end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


def check_port(host: str, port: int, command: str) -> None:
    """Raises InputError where nothing can listen; `command` is what may have taken the port before."""
    import errno
    import os
    import socket

    from ranscore.errors import InputError

    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            if os.name == "posix":  # elsewhere the option would share a taken port
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} of {host} is taken by another program (an earlier '{command}'?); "
                f"stop that one, or choose another with --port {port + 1 if port < 65535 else port - 1}."
            ) from error
        reason = error.strerror or error
        raise InputError(f"--host {host!r} --port {port}: nothing can listen there ({reason}).") from error


@contextmanager
def stops_quietly() -> Iterator[None]:
    """Ctrl-C, a closed terminal or `kill` ends the block without a traceback."""
    import signal

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
