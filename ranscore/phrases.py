"""The phrase language of synonym rules, the same for a person, a language model and the lexical reader.

    word          that word (a word of three letters or more also in the plural, and with 's)
    stem*         any ending: `blunt*` is blunt, blunted, blunting
    a/b           either word; `(two words/another)` where an alternative has several
    word?         may be left out; so may `(two words)?`
    a ... b       up to 6 words in between (Chinese: 8 characters, no comma), in one sentence
    a & b         both in one sentence, in either order, at most 10 words apart (Chinese: 16 characters)

Text is matched in normal form (`normalize`): lower case, hyphens as spaces, full-width signs as half-width, one
sentence a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, NamedTuple

from ranscore.errors import InputError

WORD_GAP, CHARACTER_GAP = 6, 8
WORD_SPAN, CHARACTER_SPAN = 10, 16
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_TOKEN = re.compile(r"\s*(\.\.\.|&|\(|\)\??|/|[^\s()/&]+)")
_EDGE = r"(?<![a-z0-9])"
_NEXT_WORD = r"[ /'\"():]{1,3}"
_WORD = r"[^\w\n]+\w[^\s\n]*"
_GAPS = {
    ("...", False): rf"((?:{_WORD}){{0,{WORD_GAP}}}?[^\w\n]+)",
    ("...", True): rf"([^\n,;]{{0,{CHARACTER_GAP}}}?)",
    ("&", False): rf"((?:{_WORD}){{0,{WORD_SPAN}}}?[^\w\n]+)",
    ("&", True): rf"([^\n;]{{0,{CHARACTER_SPAN}}}?)",
}


class Match(NamedTuple):
    """Where a phrase stands in a text: characters `start` to `end`, and the gaps inside it."""

    start: int
    end: int
    gaps: tuple[tuple[int, int], ...] = ()

    def core(self) -> list[tuple[int, int]]:
        """The parts that the phrase itself names: the span less its gaps."""
        parts, at = [], self.start
        for start, end in self.gaps:
            parts.append((at, start))
            at = end
        parts.append((at, self.end))
        return parts


class Need(NamedTuple):
    """What a text must hold: a word of ASCII letters and digits, a word that begins so, or these characters.

    `inside` is looked for in the text as it is and without its spaces, as Chinese may be spaced.
    """

    how: Literal["word", "stem", "inside"]
    text: str


@dataclass(frozen=True)
class Phrase:
    """A phrase and its regular expression. `literals` holds words of which one must stand in any text that it matches.

    Chinese characters may have spaces in between: then a literal must stand in the text less its spaces.
    """

    text: str
    regex: str
    literals: tuple[str, ...]
    chinese: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when it is first used: most phrases of a program never could match."""
        return re.compile(self.regex)

    def find(self, text: str) -> list[Match]:
        """All matches in a normalized text, from left to right."""
        for literal in self.literals:
            if literal in text:
                return self.match(text)
        squeezed = _squeeze(text) if self.chinese else ""
        if not self.literals or (squeezed and any(x in squeezed for x in self.literals)):
            return self.match(text)
        return []

    def match(self, text: str) -> list[Match]:
        """The same as `find`, without the look for a literal first."""
        found = self.pattern.finditer(text)
        if not self.pattern.groups:
            return [Match(*m.span()) for m in found]
        return [Match(*m.span(), tuple(s for s in m.regs[1:] if s[0] >= 0)) for m in found]


@lru_cache(maxsize=65536)
def compile_phrase(text: str) -> Phrase:
    """The phrase ready to be found; raises InputError naming the phrase and the fault."""
    sides = _parse(text)
    orders = [sides[0]] if len(sides) == 1 else [_span(*sides), _span(*reversed(sides))]
    regex = "|".join(side.regex for side in orders)
    return Phrase(text, regex, min((s.literals for s in sides), key=_weakness), bool(_CJK.search(text)))


def read_needs(text: str) -> tuple[frozenset[Need], ...]:
    """Of each set one must be in any text that the phrase matches; the rarest, by their length, first."""
    return tuple(sorted((needs for side in _parse(text) for needs in side.asks), key=_commonness))


@lru_cache(maxsize=4096)
def _squeeze(text: str) -> str:
    """A text that holds Chinese, without its spaces; else nothing, as a literal in one piece was looked for before."""
    return text.replace(" ", "") if _CJK.search(text) else ""


def required_words(text: str) -> tuple[tuple[str, ...], ...]:
    """For each part of a phrase that may not be missing, the beginnings of words of which one stands there.

    Raises InputError naming the phrase and the fault.
    """
    return tuple(words for side in _parse(text) for words in side.needs)


def check_phrase(text: str) -> None:
    """Raises InputError naming the phrase and the fault, if it has one; cheaper than `compile_phrase`."""
    _parse(text)


@lru_cache(maxsize=65536)
def _parse(text: str) -> tuple[_Part, ...]:
    try:
        return tuple(_Parser(text).phrase())
    except ValueError as fault:
        raise InputError(f"phrase {text!r}: {fault}; see `ranscore guide phrases`.") from None


@dataclass(frozen=True, slots=True)
class _Part:
    regex: str
    literals: tuple[str, ...]
    chinese: bool
    optional: bool = False
    needs: tuple[tuple[str, ...], ...] = ()
    asks: tuple[frozenset[Need], ...] = ()


def _weakness(literals: tuple[str, ...]) -> tuple[bool, int]:
    """Sorts the best prefilter first: long words, never the empty set."""
    return (not literals, -min((len(x) for x in literals), default=0))


def _commonness(needs: frozenset[Need]) -> tuple[int, int]:
    """Sorts first what few texts hold: long words, few of them."""
    return -min(len(x.text) for x in needs), len(needs)


def _span(left: _Part, right: _Part) -> _Part:
    gap = _GAPS["&", left.chinese or right.chinese]
    return _Part(left.regex + gap + right.regex, (), right.chinese)


class _Parser:
    """Recursive descent over the tokens of one phrase."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = [t for t in _TOKEN.findall(text) if t]
        self.at = 0
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def phrase(self) -> list[_Part]:
        sides = [self.sequence()]
        if self.peek() == "&":
            self.take()
            sides.append(self.sequence())
        if self.peek():
            raise ValueError(f"{self.peek()!r} does not fit here")
        return sides

    def sequence(self) -> _Part:
        parts: list[_Part] = []
        gaps: list[bool] = []
        while self.peek() not in ("", "&", "/", ")", ")?"):
            gap = self.peek() == "..."
            while self.peek() == "...":
                self.take()
            if self.peek() in ("", "&", "/", ")", ")?"):
                raise ValueError("'...' stands at the end")
            if gap and not parts:
                raise ValueError("'...' stands at the start")
            parts.append(self.item())
            gaps.append(gap)
        if not parts:
            raise ValueError("a word is missing")
        if all(p.optional for p in parts):
            raise ValueError("everything in it is optional")
        literals = min((p.literals for p in parts if not p.optional), key=_weakness)
        needs = tuple(p.literals for p in parts if not p.optional and p.literals)
        asks = tuple(ask for p in parts if not p.optional for ask in p.asks)
        return _Part(_join(parts, gaps), literals, parts[-1].chinese, needs=needs, asks=asks)

    def item(self) -> _Part:
        options = [self.group() if self.peek() == "(" else _word(self.take())]
        while self.peek() == "/" and not self.depth:
            self.take()
            options.append(self.group() if self.peek() == "(" else _word(self.take() if self.peek() else ""))
        if len(options) == 1:
            return options[0]
        return _either(options, optional=options[-1].optional)

    def group(self) -> _Part:
        self.take()
        self.depth += 1
        options = [self.sequence()]
        while self.peek() == "/":
            self.take()
            options.append(self.sequence())
        if self.peek() not in (")", ")?"):
            raise ValueError("a parenthesis is not closed")
        self.depth -= 1
        return _either(options, optional=self.take() == ")?")


def _either(options: list[_Part], optional: bool) -> _Part:
    literals = tuple(x for o in options for x in o.literals) if all(o.literals for o in options) else ()
    edge = _EDGE if all(o.regex.startswith(_EDGE) for o in options) else ""
    regex = "|".join(o.regex.removeprefix(edge) for o in options)
    return _Part(f"{edge}(?:{regex})", literals, options[-1].chinese, optional, asks=_asks_of(options))


def _asks_of(options: list[_Part]) -> tuple[frozenset[Need], ...]:
    """The rarest need of each option together, then the next of each: of `(a b/c)`, a or c, and b or c."""
    ranked = [sorted(o.asks, key=_commonness) for o in options]
    most = max(map(len, ranked)) if all(ranked) else 0
    return tuple(frozenset[Need]().union(*(r[min(i, len(r) - 1)] for r in ranked)) for i in range(min(most, 3)))


def _join(parts: list[_Part], gaps: list[bool]) -> str:
    """The parts in a row.

    A part that may be left out takes the space before it along; a leading one, or one after a gap, that after it.
    """
    regex, joined = "", True  # joined: what goes before the next part is there already
    for i, part in enumerate(parts):
        if not joined:
            before = _between(parts[i - 1], part, gaps[i])
            if part.optional and not (gaps[i] and any(not p.optional for p in parts[i + 1 :])):
                regex += f"(?:{before}{part.regex})?"
                continue
            regex += before
        joined = part.optional
        regex += f"(?:{part.regex}{_between(part, parts[i + 1], gaps[i + 1])})?" if joined else part.regex
    return regex


def _between(left: _Part, right: _Part, gap: bool) -> str:
    chinese = left.chinese or right.chinese
    return _GAPS["...", chinese] if gap else (" *" if chinese else _NEXT_WORD)


@lru_cache(maxsize=65536)
def _word(word: str) -> _Part:
    if re.fullmatch(r"[?？%％、，+<>=≥≤~]", word):
        sign = normalize(word)
        return _Part(re.escape(sign), (sign,), True, asks=(frozenset({Need("inside", sign)}),))
    optional = word.endswith("?")
    word = word.rstrip("?") if optional else word
    chinese, stem = bool(_CJK.search(word)), _stem(word)
    literal = stem[:-1] if len(stem) > 3 and stem.endswith("y") else stem
    if chinese:
        regex = " *".join(re.escape(c) for c in stem if c != " ")
        literal = max(re.split(r"[*\s]", stem), key=len)
    elif word.endswith("*"):
        regex = re.escape(stem) + r"[\w.']*"
    elif stem.isalpha() and len(stem) >= 3:
        ending = r"(?:ys?|ies)" if literal != stem else r"(?:'s|es|s)?"
        regex = re.escape(literal) + ending + r"(?![a-z0-9])"
    else:
        regex = re.escape(stem) + r"(?![a-z0-9])"
    asks = frozenset({Need("inside", literal)}) if chinese else _needs_of(stem, literal, word.endswith("*"))
    return _Part(f"{'' if chinese else _EDGE}(?:{regex})", (literal,), chinese, optional, asks=(asks,))


def _needs_of(stem: str, literal: str, any_ending: bool) -> frozenset[Need]:
    """What the regular expression of a word needs; of a word with other signs in it, the letters that it opens with."""
    opening = "".join(re.findall(r"\A[a-z0-9]+", stem))
    if not opening:
        return frozenset({Need("inside", literal)})
    if opening != stem:
        return frozenset({Need("word", opening)})
    if any_ending:
        return frozenset({Need("stem", stem)})
    if not stem.isalpha() or len(stem) < 3:
        return frozenset({Need("word", stem)})
    forms = (stem, f"{stem}s", f"{literal}ies" if literal != stem else f"{stem}es")
    return frozenset(Need("word", form) for form in forms)


def _stem(word: str) -> str:
    """A word in normal form, without its sign for any ending."""
    stem = normalize(word.rstrip("*")).strip()
    if '"' in stem:
        raise ValueError("a quotation mark cannot stand in a phrase")
    if not re.search(r"\w", stem) or re.search(r"[\n*]", stem):
        raise ValueError(f"{word!r} is not a word")
    return stem


_WRITTEN, _READ = "‐‑‒–—-_’‘“”，：（）％／！．？\u3000\t\r", "       ''\"\",:()%/!.?   "
_SIGNS = {ord(a): b for a, b in zip(_WRITTEN, _READ, strict=True)}
_SIGNS |= {code: chr(code - 0xFEE0).lower() for code in range(0xFF10, 0xFF5B) if chr(code - 0xFEE0).isalnum()}
_ABBREVIATED = "".join(
    rf"(?<!\b(?:{words})\.)(?<!\b(?:{words})\n\.)"
    for words in ("[a-z]", "dr|mr|ms|vs|no|st|cf|ca|lt|rt", r"mrs|fig|e\.g|i\.e", "resp", "approx")
)
_ENDS = re.compile(  # a full stop with a letter or digit after it is a decimal point, or a space was left out
    rf"[.!;。；！](?:(?<!\.)|(?!(?!{_CJK.pattern})\w)(?:(?! )|{_ABBREVIATED})|(?<=[a-z]{{4}}\.)(?=[a-z]{{2}}))"
)
_FULL_LINE = 50
_CAPITALS = re.compile(r" *[A-Z][A-Z /&]{2,40} *(?:\n|$)")
_GOES_ON = re.compile(r"(?:,|\b(?:an?|and|as|at|by|for|from|in|is|are|no|nor|of|on|or|than|that|the|to|with|without))$")
_HEADING = re.compile(rf"\s*(?:[a-z][a-z /&]{{2,30}}|(?:{_CJK.pattern}){{2,8}} *):")
_ITEM = re.compile(r"\s*(?:\d{1,2}[.)、)](?!\d)|[-*•·]\s|\(?[a-z]\)\s)")


class _Folding(dict[int, str]):
    """A character's normal form by its code; what is not listed is in lower case, where that is one character."""

    def __missing__(self, code: int) -> str:
        low = chr(code).lower()
        self[code] = folded = low if len(low) == 1 else chr(code)
        return folded


_FOLDED = _Folding(_SIGNS)


def normalize(text: str) -> str:
    """The text in normal form, character for character (the same length), one sentence a line."""
    folded = text.translate(_FOLDED)
    normal = _ENDS.sub("\n", folded)
    if "?" in normal:
        normal = normal.replace("? ", "?\n")  # kept: a question mark hedges what stands before it
    if "\n" not in text:
        return normal
    parts, done = [], 0
    at = text.find("\n")
    while at >= 0:
        if not _breaks_line(folded, text, at):
            parts += [normal[done:at], " "]
            done = at + 1
        at = text.find("\n", at + 1)
    return "".join([*parts, normal[done:]])


def _breaks_line(text: str, written: str, at: int) -> bool:
    """A line break ends a sentence after a stop, before an item, a heading or an empty line; else it is a wrap."""
    rest = text[at + 1 : at + 60]
    before = text[:at].rstrip(" ")
    if not before or before[-1] in ".!;?:。；！？\n" or not rest.strip(" ") or rest.lstrip(" ").startswith("\n"):
        return True
    if _ITEM.match(written, at + 1) or _HEADING.match(rest):
        return True
    return bool(_CJK.search(before[-1])) or _starts_anew(before, written, at)


def _starts_anew(before: str, written: str, at: int) -> bool:
    """True between a short line and one with a capital letter, and before a line that is a heading in capitals."""
    line = before[before.rfind("\n") + 1 :]
    if _GOES_ON.search(line):
        return False
    if _CAPITALS.match(written, at + 1):
        return bool(re.search(r"[a-z]", written[at - len(line) : at]))
    return len(line) < _FULL_LINE and bool(re.match(r" *[A-Z][a-z]", written[at + 1 : at + 9]))
