"""How much of the known answers is found, and how much of what is found is an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tests.deidentification.generate import CATEGORIES, Answer, Example

FOUND_AS = {"identity card": "identity", "record number": "record"}  # the rules' words for two categories
Found = tuple[int, int, str]  # start, end and category of one place that the rules found


@dataclass
class Counts:
    """One category's counts.

    `touched` answers share a character with something found, `covered` ones lie in it but for spaces and punctuation,
    `exact` ones have its very start and end. `right` of the `found` places touch an answer; of their `characters`
    (letters and digits) `right_characters` belong to answers.
    """

    answers: int = 0
    touched: int = 0
    covered: int = 0
    exact: int = 0
    found: int = 0
    right: int = 0
    characters: int = 0
    right_characters: int = 0


@dataclass
class Measured:
    """The counts of every category, and some of what went wrong, in the reports' words."""

    counts: dict[str, Counts] = field(default_factory=lambda: {c: Counts() for c in CATEGORIES})
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)

    def rows(self) -> list[tuple[str, Counts]]:
        """Every category, then all of them together."""
        total = Counts()
        for counts in self.counts.values():
            for name, value in vars(counts).items():
                setattr(total, name, getattr(total, name) + value)
        return [*self.counts.items(), ("all", total)]


def measure(examples: Sequence[Example], find: Callable[[str], Iterable[Found]]) -> Measured:
    """Recall by the answers' category, whatever they are found as; precision by the category found."""
    measured = Measured()
    for example in examples:
        places = [(start, end, FOUND_AS.get(kind, kind)) for start, end, kind in find(example.text)]
        _recall(example, places, measured)
        _precision(example, places, measured)
    return measured


def _recall(example: Example, places: Sequence[Found], measured: Measured) -> None:
    inside = {i for start, end, _ in places for i in range(start, end)}
    borders = {(start, end) for start, end, _ in places}
    for answer in example.answers:
        counts = measured.counts[answer.category]
        letters = {i for i in range(answer.start, answer.end) if example.text[i].isalnum()}
        counts.answers += 1
        counts.touched += bool(letters & inside)
        counts.covered += letters <= inside
        counts.exact += (answer.start, answer.end) in borders
        if not letters <= inside:
            measured.missed[f"{answer.category}: {_around(example.text, answer)}"] += 1


def _precision(example: Example, places: Sequence[Found], measured: Measured) -> None:
    answers = {i for a in example.answers for i in range(a.start, a.end)}
    for start, end, kind in places:
        counts = measured.counts[kind]
        letters = {i for i in range(start, end) if example.text[i].isalnum()}
        counts.found += 1
        counts.right += bool(letters & answers)
        counts.characters += len(letters)
        counts.right_characters += len(letters & answers)
        if letters - answers:
            measured.false[f"{kind}: {_around(example.text, Answer(start, end, kind))}"] += 1


def _around(text: str, answer: Answer) -> str:
    marked = f"{text[max(0, answer.start - 25) : answer.start]}<<{text[answer.start : answer.end]}>>"
    return repr(marked + text[answer.end : answer.end + 20])


def table(measured: Measured) -> str:
    """The figures as text: a row a category."""
    lines = [f"{'':10} {'n':>5} {'touched':>8} {'covered':>8} {'exact':>6} {'found':>6} {'right':>6} {'chars':>6}"]
    for category, c in measured.rows():
        shares = (_share(c.touched, c.answers, 8), _share(c.covered, c.answers, 8), _share(c.exact, c.answers, 6))
        lines.append(
            f"{category:10} {c.answers:5} {' '.join(shares)} {c.found:6} {_share(c.right, c.found, 6)} "
            f"{_share(c.right_characters, c.characters, 6)}"
        )
    return "\n".join(lines)


def _share(part: int, whole: int, width: int) -> str:
    return f"{part / whole:{width}.3f}" if whole else " " * (width - 1) + "-"
