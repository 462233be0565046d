"""The cascade's gate: for each finding, whether a report could state it; what could not is absent without a call.

A gate is a file of its own, made by `ranscore gate` on development reports: the wordings that open it, how wide it was
chosen, and how many positives it missed there. It is as wide as `ranscore guide calls` says, never a judgement.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ranscore import catalog
from ranscore.errors import DigestError, InputError, list_faults
from ranscore.freezing import DataUsed, write_whole
from ranscore.labelling._triggers import NAMED, STATED, UNDENIED, Finder, Found, Wordings
from ranscore.records import Record, digest_of

FORMAT: Literal["ranscore-gate-2"] = "ranscore-gate-2"
Counts = Literal["everything", "named", "undenied", "stated"]
_LEAST = {"named": NAMED, "undenied": UNDENIED, "stated": STATED}


class GateFinding(Record):
    """What opens the gate for one finding: any of its wordings, as strictly as `counts` says.

    `everything`: each report is sent. `named`: a phrase stands, denied or not. `undenied`: no negation reaches it.
    `stated`: no negation, hedge or history does. A phrase of `loose` opens it too when its words stand in one sentence
    in any order, and so does a word of `words`; denied ones count only where `named`. `passages` are exemplars'
    content words: a sentence that holds three quarters of one opens the gate. `missed` of `positives` and `sent` of
    `reports` were counted on reports that the gate was not tuned on.
    """

    counts: Counts
    phrases: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    passages: tuple[tuple[str, ...], ...] = ()
    missed: int = 0
    positives: int = 0
    sent: int = 0

    def wordings(self) -> Wordings:
        """Its wordings, ready to be found."""
        passages = tuple(frozenset(p) for p in self.passages)
        return Wordings(self.phrases, frozenset(self.loose), frozenset(self.words), passages)

    def opens(self, found: Found) -> bool:
        """True where what a report holds could state the finding."""
        if self.counts == "everything" or found.like or found.status >= _LEAST[self.counts]:
            return True
        if self.counts == "named":
            return bool(found.met or found.words)
        return bool(found.met_undenied or found.words_undenied)


class GateFile(Record):
    """The gate's file. `sha256` is the digest of all the rest.

    `missed` of `positives` reference positives were held back in cross-validation, pooled over the findings; `bound`
    is the exact one-sided 95 % upper limit of that rate, at most `max_miss`; `loss` is the mean kappa that a model
    which is always right loses by them, at most `max_loss` (an estimate, no limit). `reports` is the number of
    development reports, `programs` the frozen program whose wordings it has.
    """

    format: Literal["ranscore-gate-2"] = FORMAT
    max_miss: float
    max_loss: float
    loss: float
    missed: int
    positives: int
    bound: float | None
    reports: int
    saved: float
    worth: float | None  # calls that one positive more was worth, of a finding that has as many as the average one
    data: DataUsed
    programs: str
    findings: dict[str, GateFinding]
    contains_report_text: bool = False
    sha256: str = ""

    def content_digest(self) -> str:
        """The digest that `sha256` must hold."""
        return digest_of(self.model_dump(mode="json", exclude={"sha256"}))


class Gate:
    """A gate ready for use."""

    def __init__(self, file: GateFile) -> None:
        self.file = file
        self._narrow = {f: g for f, g in file.findings.items() if g.counts != "everything"}
        self._finder = Finder({f: g.wordings() for f, g in self._narrow.items()})

    @property
    def sha256(self) -> str:
        """The digest of its file."""
        return self.file.sha256

    def digest(self) -> str:
        """The same, for a ledger."""
        return self.file.sha256

    def decides(self, text: str) -> frozenset[str]:
        """The findings that the report cannot state, so that they are absent without a call."""
        found = self._finder.find(text)
        return frozenset(f for f, gate in self._narrow.items() if not gate.opens(found[f]))

    def line(self) -> str:
        """What it is, in one line."""
        file = self.file
        bound = "no bound" if file.bound is None else f"at most {file.bound:.2%} (95 %)"
        return (
            f"gate {self.sha256[:19]}…: tuned on {file.data.dataset}, {file.missed} of {file.positives} positives "
            f"missed there, {bound}; {file.saved:.1%} of the calls saved there."
        )


def save_gate(file: GateFile, path: Path) -> None:
    """Writes the file whole or not at all; raises InputError where the folder cannot be written."""
    text = json.dumps(file.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text.encode("utf-8"))


def load_gate(path: Path, max_miss: float | None = None) -> Gate:
    """The gate of a file, its digest checked.

    Raises InputError for what is no gate or for one whose bound is above `max_miss`, DigestError for one that was
    changed or cut.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise InputError(
                f"{path}: found the format {found['format']!r:.60}, expected {FORMAT!r}; make the gate again with "
                "`ranscore gate`."
            )
        file = GateFile.model_validate(found)
    except OSError as fault:
        raise InputError(f"{path}: {fault.strerror}; expected a gate made by `ranscore gate`.") from None
    except ValidationError as fault:
        raise list_faults(str(path), [*catalog.validation_faults(fault)][:5]) from None
    except (ValueError, RecursionError) as fault:
        raise DigestError(f"{path}: not readable as JSON ({fault}), so it is cut or edited; make it again.") from None
    if file.content_digest() != file.sha256:
        raise DigestError(
            f"{path}: its content differs from its digest, so it was edited; make it again with `ranscore gate`."
        )
    if max_miss is not None and (file.bound is None or file.bound > max_miss):
        found = "no bound" if file.bound is None else f"{file.bound:.4f}"
        raise InputError(
            f"{path}: the upper 95 % limit of its missed positives is {found}, --max-miss asks for {max_miss}; "
            "make one with `ranscore gate --max-miss`, with more development reports if need be."
        )
    return Gate(file)
