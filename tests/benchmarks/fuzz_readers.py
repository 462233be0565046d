"""Fuzzes every reader for some minutes: `python tests/benchmarks/fuzz_readers.py 10 [SEED]`.

Each case is a small file true to its format, broken at random: bytes changed, cut out, doubled or put in, pieces of
other formats, whole breakages. Reading it must give rows or an InputError; anything else is printed with its seed, and
the script ends with 1.
"""

from __future__ import annotations

import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "readers"))

from format_samples import BREAK, SAMPLES, Sample

from ranscore.errors import InputError
from ranscore.readers import read_pairs, read_side, read_table

PIECES = [
    b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\r\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"{", b"}", b"[",
    b"]", b":", b'{"a": 1}', b"null", b"NaN", b"Infinity", b"1e999", b"-0", b"\\u0000", b"\\ud83d", b"\xf0\x9f\x92\xa9",
    "肺".encode("gb18030"), b"caf\xe9", b"report_id", b"id", b"=" * 30, b"Sample 1:", b"Generated report: ", b"<a/>",
    b"&amp;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"x" * 70_000,
]  # fmt: skip


def broken(sample: Sample, chance: random.Random) -> dict[str, bytes]:
    """The sample's files with one of them broken."""
    files = {name: bytearray(content) for name, content in sample.files.items()}
    data = files[chance.choice(sorted(files))]
    for _ in range(chance.randrange(1, 9)):
        at, size = chance.randrange(len(data) + 1), chance.randrange(1, 40)
        piece = bytes(data[at : at + size])
        new = (b"", piece * 2, chance.choice(PIECES), bytes(chance.randrange(256) for _ in range(size)), piece[::-1])
        data[at : at + chance.choice((0, 1, size))] = chance.choice(new)
    if chance.random() < 0.1:
        data[:] = BREAK[chance.choice(sorted(BREAK))](bytes(data))
    if chance.random() < 0.05:
        other = SAMPLES[chance.choice(sorted(SAMPLES))]
        data[:] = other.files[other.name]
    return {name: bytes(content) for name, content in files.items()}


def one(seed: int, folder: Path) -> str:
    """Breaks and reads one file in every way a user could; gives `rows` or `sentence`."""
    chance = random.Random(seed)
    sample = SAMPLES[chance.choice(sorted(SAMPLES))]
    made = Sample(sample.reader, broken(sample, chance), tree=sample.tree)
    path = made.write(folder)
    encoding = chance.choice((None, None, None, "gb18030", "latin-1", "utf-16", "utf-8"))
    ways = (
        lambda: read_side(path, "generated", encoding=encoding),
        lambda: read_side(path, "reference", encoding=encoding),
        lambda: read_table(path, sample.reader, encoding=encoding),
        lambda: read_pairs(path, encoding=encoding),
    )
    found = "sentence"
    for way in ways:
        try:
            way()
            found = "rows"
        except InputError as fault:
            if not 0 < len(str(fault)) < 60_000:
                raise ValueError("no sentence, or an endless one") from fault
    return found


def main() -> int:
    """Runs for the minutes given and tells what was found."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    end, cases, faults = time.monotonic() + 60 * minutes, Counter[str](), 0
    while time.monotonic() < end:
        seed += 1
        with tempfile.TemporaryDirectory(prefix="ranscore-fuzz-") as folder:
            try:
                cases[one(seed, Path(folder))] += 1
            except Exception:
                faults += 1
                print(f"seed {seed}\n{traceback.format_exc()}", flush=True)
    print(f"{minutes} minutes, {sum(cases.values())} files: {dict(cases)}; {faults} tracebacks")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
