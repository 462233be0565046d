"""Where report text may be sent: to this machine, to trusted hosts, and elsewhere only by leave of card and user.

| text | this machine, trusted hosts | any other host |
|---|---|---|
| open, `remote: permitted` | yes | yes |
| restricted or undeclared, `remote: permitted` | yes | with `--allow-remote`, and logged |
| `remote: refused` | yes | never |

The check looks at the address as it is written: a name is never resolved, so that no name server can make a remote
host look like this machine. A leave that is used is written down in `remote.log` of the tracking folder: time, dataset,
host and number of reports, no text. `RANSCORE_TRUSTED_ENDPOINTS` names trusted hosts, `host` or `host:port`, by commas.
"""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ranscore.errors import GuardError, InputError
from ranscore.private import make_folder
from ranscore.records import Report, Terms

if TYPE_CHECKING:
    from ranscore.models import Model

VARIABLE = "RANSCORE_TRUSTED_ENDPOINTS"
LEAVE = "RANSCORE_ALLOW_REMOTE"
FOLDER = "RANSCORE_REMOTE_LOG"
LOG_FILE = "remote.log"
_PORTS = {"http": 80, "https": 443}
log = logging.getLogger("ranscore.guard")


def allow_remote() -> None:
    """Gives leave, in this process and those it starts, to send restricted text where its card permits it."""
    os.environ[LEAVE] = "1"


def check_destination(model: Model, reports: Iterable[Report]) -> None:
    """Raises GuardError unless the text of all these reports may go to the model; a leave that was used is logged."""
    if not model.addresses:
        return
    counts: dict[Terms, int] = {}
    for report in reports:
        counts[report.terms] = counts.get(report.terms, 0) + 1
    for terms, number in counts.items():
        check_terms(model, terms, number)


def check_terms(model: Model, terms: Terms, number: int | None = None, *, early: bool = False) -> None:
    """Raises GuardError unless text under these terms may go to the model; a leave that was used is logged.

    An `early` check, before anything is sent, logs nothing.
    """
    far = remote_hosts(model.addresses)
    if not far or (terms.access == "open" and terms.remote == "permitted"):
        return
    if terms.remote == "refused" or os.environ.get(LEAVE) != "1":
        raise GuardError(_refusal(model.name, terms, far))
    if early:
        return
    many = "" if number is None else f"{number} "
    told = f"{many}reports of {_named(terms)} ({terms.access}) are sent to {', '.join(far)}"
    log.warning("%s", told)
    _write_down(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {told} for --model {model.name}")


def log_to(folder: Path | None) -> Path | None:
    """The folder, in which leaves that are used from now on are written down (`remote.log`)."""
    if folder is not None:
        os.environ[FOLDER] = str(folder.expanduser().resolve())
    return folder


def _write_down(line: str) -> None:
    """Adds a line to the log of leaves; raises GuardError where it cannot be written, and then nothing is sent."""
    folder = Path(os.environ.get(FOLDER) or os.environ.get("RANSCORE_MLRUNS") or "mlruns").expanduser().resolve()
    path = folder / LOG_FILE
    try:
        make_folder(folder)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as fault:
        raise GuardError(
            f"{path}: nothing was sent: that restricted text leaves this machine cannot be written down "
            f"({fault.strerror or fault}); name a folder that you may write to in RANSCORE_MLRUNS."
        ) from None


def remote_hosts(addresses: Sequence[str]) -> tuple[str, ...]:
    """Those of the addresses, as `host` or `host:port`, that are neither this machine nor trusted."""
    trusted = trusted_hosts()
    return tuple(dict.fromkeys(_shown(a) for a in addresses if not is_loopback(a) and not _endpoint(a) & trusted))


def is_loopback(address: str) -> bool:
    """True for an address on this machine: 127.0.0.0/8, ::1 or the name `localhost`."""
    host = _split(address)[0]
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def trusted_hosts() -> frozenset[str]:
    """What RANSCORE_TRUSTED_ENDPOINTS names; raises InputError for an entry that is no host."""
    entries = [e.strip() for e in os.environ.get(VARIABLE, "").split(",") if e.strip()]
    wrong = [e for e in entries if set("*?/@ ") & set(e.split("://", 1)[-1].rstrip("/"))]
    if wrong:
        raise InputError(
            f"{VARIABLE}: found {', '.join(map(repr, wrong))}, expected names of hosts by commas, for example "
            "'gpu7.hospital.example, 10.1.2.3:8000'; a wildcard or a path names no host."
        )
    return frozenset(_trusted(entry) for entry in entries)


def _trusted(entry: str) -> str:
    host, port = _split(entry)
    return f"{host}:{port}" if port else host


def _endpoint(address: str) -> frozenset[str]:
    """The two ways in which a trusted entry may name an address: by its host, by host and port."""
    host, port = _split(address)
    scheme = address.split("://", 1)[0] if "://" in address else "https"
    return frozenset({host, f"{host}:{port or _PORTS.get(scheme, 443)}"})


def _shown(address: str) -> str:
    host, port = _split(address)
    return f"{host}:{port}" if port else host


def _split(address: str) -> tuple[str, int | None]:
    """Host in lower case without brackets and final dot, and the port where one is written; no user, no path."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        return (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "", None


def _named(terms: Terms) -> str:
    return f"dataset {terms.source}" if terms.source else "a table without a card"


def _refusal(model: str, terms: Terms, far: Sequence[str]) -> str:
    """One sentence: what would be sent where, whose terms forbid it, and what can be done."""
    why = f"; {terms.sentence.rstrip('. ')}" if terms.sentence else ""
    if terms.remote == "refused":
        says = f"the text of {_named(terms)} may not be sent to {', '.join(far)} (its card says remote: refused){why}"
        step = f"use a model on this machine, or name a host of your own institution in {VARIABLE}"
    else:
        restricted = f"{_named(terms)} is restricted and"
        whose = (
            restricted if terms.access == "restricted" else "nobody has said (on a card) whose reports these are; they"
        )
        says = f"{whose} would be sent to {', '.join(far)}{why}"
        step = f"use a model on this machine, name a trusted host in {VARIABLE}, or say --allow-remote if you may"
    return f"--model {model}: nothing was sent: {says}; {step}."
