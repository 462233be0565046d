"""Which proposed edits may enter a search: no repeats, no contradictions, no rule that breaks more than it mends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ranscore.feedback.edits import Rejected
from ranscore.records import Edit, Exemplar, Program, SynonymRule

Effect = Callable[[Edit], tuple[tuple[str, ...], tuple[str, ...]]]
_OPPOSITE = {"states": ("does_not_count", "denies"), "does_not_count": ("states",), "denies": ("states",)}


def screen_edits(
    program: Program, proposed: Iterable[Edit], kept: Sequence[Edit], effect: Effect
) -> tuple[tuple[Edit, ...], tuple[Rejected, ...]]:
    """The edits that may be searched over, and those rejected with the reason.

    `effect(edit)` gives the ids of development reports that the edit alone would turn right and wrong. Edits in
    `kept` were
    screened before.
    """
    seen = {id_of: "the program" for rule in program.rules for id_of in _rule_keys(rule)}
    seen |= {_exemplar_key(e): "the program" for e in program.exemplars}
    taken: list[Edit] = []
    rejected: list[Rejected] = []
    for edit in kept:
        _remember(edit, seen)
        taken.append(edit)
    known = {e.id for e in kept}
    for edit in proposed:
        if edit.id in known:
            continue
        known.add(edit.id)
        reason = _repeats(edit, seen) or _breaks(edit, *effect(edit))
        if reason:
            rejected.append(Rejected(edit=edit, reason=reason))
            continue
        _remember(edit, seen)
        taken.append(edit)
    return tuple(taken), tuple(rejected)


def _rule_keys(rule: SynonymRule) -> list[tuple[str, str]]:
    return [(rule.means, " ".join(p.casefold().replace("-", " ").split())) for p in rule.phrases]


def _exemplar_key(exemplar: Exemplar) -> tuple[str, str]:
    return (exemplar.answer, " ".join(exemplar.passage.split()).casefold())


def _remember(edit: Edit, seen: dict[tuple[str, str], str]) -> None:
    if edit.rule:
        seen.update({key: f"edit {edit.id}" for key in _rule_keys(edit.rule) if key not in seen})
    if edit.exemplar:
        seen.setdefault(_exemplar_key(edit.exemplar), f"edit {edit.id}")


def _repeats(edit: Edit, seen: dict[tuple[str, str], str]) -> str:
    if edit.rule:
        keys = _rule_keys(edit.rule)
        if all(key in seen for key in keys):
            return f"duplicate: {seen[keys[0]]} already says so"
        for means, phrase in keys:
            for opposite in _OPPOSITE[means]:
                if (opposite, phrase) in seen:
                    return f"contradiction: {seen[opposite, phrase]} says the opposite of {phrase!r}"
    if edit.exemplar:
        answer, passage = _exemplar_key(edit.exemplar)
        if (answer, passage) in seen:
            return f"duplicate: {seen[answer, passage]} already holds this passage"
        other = ("absent" if answer == "present" else "present", passage)
        if other in seen:
            return f"contradiction: {seen[other]} gives the same passage the other answer"
    return ""


def _breaks(edit: Edit, helped: tuple[str, ...], hurt: tuple[str, ...]) -> str:
    """A mined rule may break nothing, a note's must mend more than it breaks; an expert's is doubted from two on."""
    tolerated = {"mined": 0, "expert": max(1, len(helped))}.get(edit.provenance.origin, len(helped) - 1)
    if len(hurt) <= max(0, tolerated):
        return ""
    names = ", ".join(hurt[:5]) + (" …" if len(hurt) > 5 else "")
    return f"over-general: would turn {len(hurt)} right answers wrong ({names}) and {len(helped)} wrong ones right"
