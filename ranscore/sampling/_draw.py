"""The draw: reports in a seeded order into parts that share no patient and no near-duplicate."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ranscore.catalog import finding_name
from ranscore.errors import InputError
from ranscore.sampling._near import NearIndex, shingles_of
from ranscore.sampling._recipe import Recipe


@dataclass(frozen=True, slots=True)
class Candidate:
    """A report that may be drawn: its text as compared, the enriched findings it states, and how often its text stood
    among the reports.
    """

    report_id: str
    patient: str
    text: str
    stratum: frozenset[str] = frozenset()
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawn report; `weight` is how many eligible reports of its stratum it stands for in its part."""

    report_id: str
    part: str
    stratum: frozenset[str]
    weight: float
    copies: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drawn reports sorted by part and id, how many were passed over and why, and what the user should know."""

    placed: tuple[Placed, ...]
    other_patient: int
    near_duplicate: int
    not_needed: int
    remarks: tuple[str, ...] = ()

    def part(self, name: str) -> tuple[str, ...]:
        """The ids of one part, sorted."""
        return tuple(p.report_id for p in self.placed if p.part == name)


def order_key(seed: int, report_id: str, purpose: str = "order") -> int:
    """A number that places a report in the seeded order, whatever other reports there are."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{seed}\n{report_id}".encode("utf-8", "surrogatepass")).digest())


def draw(candidates: Iterable[Candidate], recipe: Recipe, where: str = "cohort", left_out: str = "") -> Drawn:
    """The parts of the recipe; the same reports, seed and sizes give the same parts, whatever the order of rows.

    The positives that `enrich` asks for come first, then each report in its seeded order goes to a part by lot, every
    part with a chance by its free places. A report whose patient or near-duplicate stands in another part is passed
    over, and only taken into that part at the end, if places are left; where that does not fill the parts, patients
    are kept whole. Raises InputError where reports are too few;
    `left_out` tells there which reports were left out before.
    """
    pool = sorted(candidates, key=lambda c: (order_key(recipe.seed, c.report_id), c.report_id))
    if len(pool) < recipe.wanted:
        raise _too_few(where, recipe, f"{len(pool)} are eligible{left_out}")
    state, remarks, reasons = _attempt(pool, recipe)
    if state.open_parts():
        packed, told, again = _attempt(pool, recipe, packed=True)
        if packed.open_parts():
            raise _too_few(where, recipe, _shortage(f"{len(pool)} are eligible{left_out}", state, reasons))
        state, remarks, reasons = packed, told, again
    left = len(pool) - len(state.placed) - reasons.total()
    placed = tuple(_weighted(pool, state.placed))
    return Drawn(placed, reasons["patient"], reasons["near"], left, (*remarks, *_uncovered(pool, state.placed, recipe)))


def _attempt(
    pool: Sequence[Candidate], recipe: Recipe, packed: bool = False
) -> tuple[_State, tuple[str, ...], Counter[str]]:
    """The parts as far as they could be filled, remarks, and how many reports were refused why.

    `packed` keeps room in a part for all reports of its patients, for pools that are hardly larger than the parts.
    """
    state = _State(recipe, Counter(c.patient for c in pool) if packed else Counter())
    remarks = tuple(_enrich(state, pool))
    refused: dict[str, str] = {}
    for one in pool:
        if one.report_id in state.placed or not state.open_parts():
            continue
        part = state.by_lot(one)
        why = state.refusal(one, part) if part else "patient"
        if why:
            refused[one.report_id] = why
        else:
            state.place(one, part)
    for one in pool:
        part = state.only_part(one) if one.report_id in refused and state.open_parts() else ""
        if part:
            state.place(one, part)
            del refused[one.report_id]
    return state, remarks, Counter(refused.values())


@dataclass
class _State:
    recipe: Recipe
    sizes: Counter[str]
    claimed: Counter[str] = field(default_factory=Counter)
    placed: dict[str, str] = field(default_factory=dict)
    free: dict[str, int] = field(init=False)
    owners: dict[str, str] = field(default_factory=dict)
    index: NearIndex | None = field(init=False)

    def __post_init__(self) -> None:
        self.free = dict(self.recipe.parts)
        self.index = NearIndex(self.recipe.near_duplicates) if self.recipe.near_duplicates else None

    def open_parts(self) -> list[str]:
        return [part for part, places in self.free.items() if places]

    def by_lot(self, one: Candidate) -> str:
        """A part by its free places; where room is kept, the patient's own, or one with room for all of him, or ""."""
        if self.sizes and one.patient in self.owners:
            return self.owners[one.patient]
        room = {part: max(0, places - self.claimed[part]) for part, places in self.free.items()}
        if not sum(room.values()):
            return ""
        lot = order_key(self.recipe.seed, one.report_id, "part") % sum(room.values())
        for part, places in room.items():
            if lot < places:
                return part
            lot -= places
        raise AssertionError("a lot is below the number of free places")

    def near(self, one: Candidate) -> frozenset[str]:
        return self.index.parts_near(shingles_of(one.text, self.recipe.shingle)) if self.index else frozenset()

    def refusal(self, one: Candidate, part: str) -> str:
        if one.patient and self.owners.get(one.patient, part) != part:
            return "patient"
        if not self.free[part]:
            return "patient"
        return "near" if self.near(one) - {part} else ""

    def only_part(self, one: Candidate) -> str:
        """The one part that a refused report may join, "" where there is none or it is full."""
        tied = self.near(one) | ({self.owners[one.patient]} if one.patient in self.owners else set())
        part = min(tied, default="") or min(self.open_parts())
        return part if len(tied) <= 1 and self.free[part] else ""

    def place(self, one: Candidate, part: str) -> None:
        self.placed[one.report_id] = part
        self.free[part] -= 1
        if one.patient:
            known = one.patient in self.owners
            self.claimed[part] += 0 if not self.sizes else -1 if known else self.sizes[one.patient] - 1
            self.owners[one.patient] = part
        if self.index:
            self.index.add(shingles_of(one.text, self.recipe.shingle), part)


def _enrich(state: _State, pool: Sequence[Candidate]) -> Iterable[str]:
    """Places the positives that are asked for, the rarest finding first; yields what could not be reached."""
    recipe, part = state.recipe, state.recipe.enriched_part
    positives = {f: [c for c in pool if f in c.stratum] for f in recipe.enrich}
    for finding in sorted(recipe.enrich, key=lambda f: (len(positives[f]), f)):
        least, holders = recipe.enrich[finding], positives[finding]
        reached = sum(c.report_id in state.placed for c in holders)
        for one in holders:
            wanted = reached < least and state.free[part] and one.report_id not in state.placed
            if wanted and not state.refusal(one, part):
                state.place(one, part)
                reached += 1
        if reached < least:
            full = "" if state.free[part] else f", and {part} is full with {recipe.parts[part]} reports"
            yield (
                f"enrichment not reached: {reached} of {least} positives of {finding_name(finding)} in {part}, since "
                f"{len(holders)} of {len(pool)} eligible reports state it{full}"
            )


def _weighted(pool: Sequence[Candidate], placed: dict[str, str]) -> Iterable[Placed]:
    """The drawn reports with weights: eligible reports of the stratum by drawn ones of it in the part."""
    eligible = Counter(c.stratum for c in pool)
    chosen = [c for c in pool if c.report_id in placed]
    drawn = Counter((placed[c.report_id], c.stratum) for c in chosen)
    for c in sorted(chosen, key=lambda c: (placed[c.report_id], c.report_id)):
        part = placed[c.report_id]
        yield Placed(c.report_id, part, c.stratum, eligible[c.stratum] / drawn[part, c.stratum], c.copies)


def _uncovered(pool: Sequence[Candidate], placed: dict[str, str], recipe: Recipe) -> Iterable[str]:
    """What the weights of a part cannot make up for: strata of which it holds no report."""
    eligible = Counter(c.stratum for c in pool)
    for part in recipe.parts:
        there = {c.stratum for c in pool if placed.get(c.report_id) == part}
        missing = sum(n for stratum, n in eligible.items() if stratum not in there)
        if missing:
            yield f"weights of {part}: {missing} of {len(pool)} eligible reports are of strata that it holds none of"


def _shortage(eligible: str, state: _State, reasons: Counter[str]) -> str:
    lacking = ", ".join(f"{part} lacks {state.free[part]}" for part in state.open_parts())
    return (
        f"{eligible}; of these {reasons['patient']} have their patient and {reasons['near']} a "
        f"near-duplicate in another part, so {lacking}"
    )


def _too_few(where: str, recipe: Recipe, found: str) -> InputError:
    asked = ", ".join(f"{name} {size}" for name, size in recipe.parts.items())
    return InputError(
        f"{where}: too few reports: {recipe.wanted} are wanted ({asked}), and {found}; expected more reports: ask for "
        "fewer with --part NAME=N, or loosen the recipe (`ranscore guide cohorts`)."
    )
