"""The key under which surrogates are made: kept apart from what it made, so that neither alone leads back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ranscore.errors import InputError

LENGTH = 32
CHECKED = 12  # characters of an id's mark that are checked by the last three
FARTHEST_DAYS = 364


@dataclass(frozen=True)
class Key:
    """Makes the same surrogate of the same value, and another under another key; nothing leads back without it."""

    secret: bytes = field(repr=False)

    def mark(self, category: str, value: str, length: int = 6) -> str:
        """A short mark of a value of one category: capitals and the digits 2 to 7."""
        folded = "".join(value.split()).casefold()
        return base64.b32encode(self._digest("mark", category, folded)).decode()[:length]

    def id_mark(self, role: str, value: str) -> str:
        """A longer mark for an id, in which this key knows its own work again."""
        mark = self.mark(role, value, CHECKED)
        return mark + self._check(mark)

    def made(self, mark: str) -> bool:
        """Whether a value is an id's mark of this key (one in 32,768 others looks like it)."""
        return len(mark) == CHECKED + 3 and mark[CHECKED:] == self._check(mark[:CHECKED])

    def _check(self, mark: str) -> str:
        return base64.b32encode(self._digest("check", mark)).decode()[:3]

    def days(self, patient: str) -> int:
        """By how many days a patient's dates are moved back: 1 to 364, the same for all reports of the patient."""
        return 1 + int.from_bytes(self._digest("days", patient)[:8], "big") % FARTHEST_DAYS

    def _digest(self, *parts: str) -> bytes:
        return hmac.new(self.secret, "\x1f".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def open_key(path: Path, *, apart_from: Path | None = None) -> Key:
    """The key of a file, made with mode 0600 where there is none.

    Raises InputError for a key beside the output that it makes, a file that is no key, or a folder that cannot be
    written.
    """
    if apart_from is not None and path.resolve().parent == apart_from.resolve().parent:
        raise InputError(
            f"{path}: the key would lie in the folder of {apart_from.name}, and who gets that folder gets both; "
            "expected another folder, one that is not passed on (--key)."
        )
    try:
        return Key(_read(path) if path.exists() else _make(path))
    except OSError as fault:
        raise InputError(
            f"{path}: {fault.strerror or fault}; expected a key's file that can be read or made."
        ) from None


def _read(path: Path) -> bytes:
    text = path.read_bytes().strip()
    try:
        secret = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        secret = b""
    if len(secret) != LENGTH:
        raise InputError(
            f"{path}: is no key of `ranscore deidentify` ({len(text)} characters), expected {2 * LENGTH} hexadecimal; "
            "name the file of the key, or a new file."
        )
    return secret


def _make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    secret = secrets.token_bytes(LENGTH)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secret.hex() + "\n")
    return secret
