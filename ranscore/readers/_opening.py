"""Opens text files: encodings declared or told safely, gzip, and where exactly a byte is wrong."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from ranscore.errors import InputError

CHUNK = 1 << 20
ENOUGH = 20  # Chinese characters before GB18030 is told from the bytes alone
_HANZI = frozenset("肺胸心未见影左右纹清膈")
_NAMES = {"utf-8": "utf-8-sig", "utf8": "utf-8-sig", "gbk": "gb18030", "gb2312": "gb18030", "latin-1": "cp1252"}


@dataclass
class Session:
    """What holds for one reading: the encoding that the user declared, and what is to be told of the file."""

    encoding: str = ""
    remarks: list[str] = field(default_factory=list)


_SESSION: ContextVar[Session | None] = ContextVar("ranscore_reading", default=None)


@contextmanager
def session(encoding: str | None) -> Iterator[Session]:
    """Within it files are read in this encoding, and remarks are collected."""
    made = Session(encoding or "")
    token = _SESSION.set(made)
    try:
        yield made
    finally:
        _SESSION.reset(token)


def remark(text: str) -> None:
    """Tells the user something of the file that is being read."""
    now = _SESSION.get()
    if now is not None and text not in now.remarks:
        now.remarks.append(text)


@contextmanager
def open_text(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """The file (also gzip) as text with its line ends, in UTF-8, the declared encoding, or one that is told safely.

    An `encoding` that `text_encoding` gave is not looked for again. Raises InputError if it cannot be read as that,
    with line and column of the first wrong byte.
    """
    encoding = encoding or text_encoding(path)
    with _readable(path), open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        yield text


def text_encoding(path: Path) -> str:
    """The encoding in which `open_text` reads a file now; raises InputError."""
    with _readable(path), open_bytes(path) as file:
        return encoding_of(path.as_posix(), file)


def decode(where: str, content: bytes) -> str:
    """A file's bytes as text, as `open_text`; `where` names it in messages."""
    return content.decode(encoding_of(where, io.BytesIO(content)))


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise InputError(f"{path}: {fault}; expected a whole gzip file; copy it again.") from None
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror or fault}; expected a file that can be read.") from None


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzip."""
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def encoding_of(where: str, file: BinaryIO) -> str:
    """The encoding of a file that is read once to its end; raises InputError if it is none that can be told."""
    now = _SESSION.get()
    declared = now.encoding if now else ""
    fault = _first_fault(file, "utf-8-sig")
    if not declared:
        return "utf-8-sig" if fault is None else _told(where, file, fault)
    codec = _codec(where, declared)
    if codec == "utf-8-sig":
        if fault:
            raise InputError(f"{where}: {fault}, which is not UTF-8; {_hint(file)}")
        return codec
    file.seek(0)
    if fault is None and not codec.startswith(("utf", "ascii")) and any(not part.isascii() for part in _parts(file)):
        raise InputError(f"{where}: is declared as {declared}, but is UTF-8; leave the encoding out.")
    file.seek(0)
    wrong = _first_fault(file, codec)
    if wrong:
        raise InputError(f"{where}: {wrong}, which is not {declared}; name the encoding that the file was saved in.")
    return codec


def _codec(where: str, declared: str) -> str:
    name = declared.strip().lower().replace("_", "-")
    name = _NAMES.get("latin-1" if name in ("latin1", "iso-8859-1", "iso8859-1") else name, name)
    try:
        found = codecs.lookup(name)
    except LookupError:
        raise InputError(
            f"{where}: no encoding is called {declared!r}; expected e.g. utf-8, gb18030 or latin-1."
        ) from None
    try:
        b"    ".decode(found.name, errors="ignore")
    except LookupError:
        raise InputError(f"{where}: {declared!r} is no encoding of text; expected e.g. utf-8 or gb18030.") from None
    return name


def _parts(file: BinaryIO) -> Iterator[bytes]:
    while part := file.read(CHUNK):
        yield part


def _first_fault(file: BinaryIO, codec: str) -> str | None:
    """The first byte that the codec refuses, with its line and column, or None."""
    decoder = codecs.getincrementaldecoder(codec)()
    line, column = 1, 1
    try:
        for part in _parts(file):
            line, column = _advance(line, column, decoder.decode(part))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as fault:
        before = fault.object[: fault.start].decode(codec, errors="ignore")
        line, column = _advance(line, column, before)
        return f"line {line}, column {column}: found the byte 0x{fault.object[fault.start]:02x}"
    except UnicodeError as fault:
        return f"line {line}, column {column}: {fault}"
    return None


def _advance(line: int, column: int, text: str) -> tuple[int, int]:
    breaks = text.count("\n")
    return (line + breaks, len(text) - text.rfind("\n")) if breaks else (line, column + len(text))


def _told(where: str, file: BinaryIO, fault: str) -> str:
    if _is_chinese(file):
        remark(f"{where} is not UTF-8; it was read as GB18030")
        return "gb18030"
    raise InputError(
        f"{where}: {fault}, which is not UTF-8; expected text in UTF-8; save the file as UTF-8; {_hint(file)}"
    )


def _hint(file: BinaryIO) -> str:
    """What the file could be, for the user to decide: it is not guessed."""
    file.seek(0)
    start = file.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "or declare its encoding, which begins as utf-16 does."
    could = [name for name, codec in (("gb18030", "gb18030"), ("latin-1", "cp1252")) if _decodes(file, codec)]
    return f"or declare its encoding (it could be {' or '.join(could)})." if could else "or declare its encoding."


def _decodes(file: BinaryIO, codec: str) -> bool:
    file.seek(0)
    return _first_fault(file, codec) is None


def _is_chinese(file: BinaryIO) -> bool:
    """True for text that can be nothing but Chinese in GB2312's characters: enough of them, and a report's own."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("gb2312")()
    count, seen = 0, set[str]()
    try:
        for part in _parts(file):
            text = decoder.decode(part)
            if any("\u3040" <= c <= "\u30ff" for c in text):  # kana: Japanese in a like encoding
                return False
            count += sum("\u4e00" <= c <= "\u9fff" for c in text)
            seen |= _HANZI & set(text)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return count >= ENOUGH and len(seen) >= 3
