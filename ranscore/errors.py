"""Every error ranscore raises on purpose; the command line prints the message and ends with its exit code.

RanscoreError
├── InputError            exit 2: the user's file, name or option is wrong, and can be corrected
│   ├── UnknownNameError  a name that no finding, recipe, dataset, model … has
│   ├── DigestError       a frozen file whose content is not what its digest says
│   └── GuardError        report text that must not leave the machine
├── IncompleteError       exit 3: the work ended, but answers are missing
└── StoppedError          exit 130: somebody stopped the work; the text says what of it is kept
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_SHOWN = 16


class RanscoreError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(RanscoreError):
    """Wrong input. The text says: where, what was found, what was expected, what to do."""

    exit_code = 2


class UnknownNameError(InputError):
    """A name that is not in a listing; names the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        names = list(known)
        folded = {n.casefold(): n for n in names}
        near = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
        offer = f"did you mean {' or '.join(repr(folded[n]) for n in near)}?" if near else f"known: {', '.join(names)}."
        super().__init__(f"no {kind} is called {name!r}; {offer}{' ' + hint if hint else ''}")


class DigestError(InputError):
    """A frozen file that was changed or cut short."""


class GuardError(InputError):
    """Report text that would have left the machine without leave; nothing was sent."""


class IncompleteError(RanscoreError):
    """Answers are missing; `--allow-partial` accepts that."""

    exit_code = 3


class StoppedError(RanscoreError):
    """Somebody stopped the work; the text says what of it is kept, and how to go on."""

    exit_code = 130


def shown(value: str) -> str:
    """A table's value as a message shows it: one short word as it stands, of anything longer its length alone.

    A cell in the wrong column could be a report.
    """
    return repr(value) if len(value) <= LONGEST_SHOWN and len(value.split()) <= 1 else f"{len(value)} characters"


def list_faults(where: str, faults: Iterable[str], limit: int = 20) -> InputError:
    """One InputError that holds all faults of one place, at most `limit` spelled out."""
    found = list(faults)
    lines = [f"{where}: {fault}" for fault in found[:limit]]
    if len(found) > limit:
        lines.append(f"{where}: … and {len(found) - limit} more of the same kind")
    return InputError("\n".join(lines))
