"""A report as the lexical reader sees it: normal form, sentences, and the reach of negation, hedge and context cues.

After NegEx (Chapman et al., J Biomed Inform 2001;34:301) and ConText (Harkema et al., J Biomed Inform 2009;42:839),
with rules of our own for commas and coordination in radiology prose, and for Chinese clauses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from ranscore.catalog import Cues, languages
from ranscore.models._word_index import WordIndex
from ranscore.phrases import Match, Phrase, compile_phrase, normalize
from ranscore.sections import end_of_unread, find_headings

_CJK = re.compile(r"[\u3400-\u9fff]")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|shows?|demonstrates?|remains?|appears?|measures?|projects?|terminates?|"
    r"extends?|persists?|lies|contains?|obscures?|suggests?|represents?|reflects?)\b"
)
_CLOSING_VERB = re.compile(
    r"\b(?:is|are|was|were) (?:\w+ )?(?:seen|identified|noted|present|evident|appreciated|demonstrated|visualized|"
    r"visualised|detected|shown|apparent|visible|observed|found|recognized|recognised)\W*$"
)
_NEW_CLAUSE = re.compile(
    r"\s*(?:(?:and|with|but) )?(?:the|an?|there|this|these|its?|both|small|mild|mildly|moderate|moderately|large|tiny|"
    r"trace|minimal|minor|slight|new|stable|unchanged|persistent|residual|increased|increasing|interval|left|right|"
    r"bilateral|bibasilar|bibasal|likely|probable|extensive|marked|severe|subtle|patchy|again|mild to moderate|chronic|"
    r"old|status post)\b"
)
_LIST_GOES_ON = re.compile(r"\b(?:or|nor)\b")
_ANAPHOR = re.compile(r"\s*(?:this|these|it|they|both|all|that|those|which)\b|\s*(?:该|此|上述|现|今)")
_PRONOUN = re.compile(_ANAPHOR.pattern.replace(r"\b", ""))
_BARE = re.compile(
    r"[\s,(]*(?:(?:now|since|has|have|had|is|are|was|were|been|which|that|all|both|completely|fully|entirely|"
    r"现|今|已|均|目前|本次)[\s,]*)*$"
)
_ONE = re.compile(r"\W*but(?: there (?:is|are))?(?: \w+){0,4} ones?\b(?! \w*[a-z]{4})")
_KINDS = ("negation", "hedge", "context")
_STOP = "stop"


@dataclass(frozen=True)
class CueSet:
    """The compiled cues of all languages."""

    before: tuple[tuple[str, Phrase], ...]
    after: tuple[tuple[str, Phrase], ...]
    not_cues: tuple[tuple[str, Phrase], ...]
    terminators: tuple[Phrase, ...]

    @cached_property
    def every(self) -> tuple[tuple[str, str], ...]:
        """What each cue is (`not hedge`, `negation before`) and its phrase; the terminators at the end."""
        cues = [(f"not {k}", p) for k, p in self.not_cues] + [(f"{k} before", p) for k, p in self.before]
        cues += [(f"{k} after", p) for k, p in self.after]
        return tuple((kind, p.text) for kind, p in [*cues, *((_STOP, p) for p in self.terminators)])

    @cached_property
    def index(self) -> WordIndex:
        """The phrases of `every` by the words that they need."""
        return WordIndex([text for _, text in self.every])


class Reach(NamedTuple):
    """One cue and the characters it reaches."""

    kind: str
    cue: tuple[int, int]
    start: int
    end: int


@lru_cache(maxsize=1)
def cue_set() -> CueSet:
    """All languages' cues, compiled once."""
    cues = [language.cues for language in languages().values()]
    return CueSet(
        before=tuple((kind, p) for kind in _KINDS for p in _compiled(cues, f"{kind}_before")),
        after=tuple((kind, p) for kind in _KINDS for p in _compiled(cues, f"{kind}_after")),
        not_cues=tuple((kind, p) for kind in _KINDS[:2] for p in _compiled(cues, f"not_{kind}")),
        terminators=tuple(_compiled(cues, "terminators")),
    )


def _compiled(cues: list[Cues], name: str) -> list[Phrase]:
    return [compile_phrase(text) for c in cues for text in getattr(c, name)]


@dataclass(frozen=True)
class Reading:
    """A read report: `text` is its normal form with unread sections blanked; offsets are those of the report."""

    text: str
    _found: dict[tuple[str, ...], tuple[Match, ...]] = field(default_factory=dict, repr=False)

    def find(self, phrases: tuple[str, ...]) -> tuple[Match, ...]:
        """All matches of any of the phrases."""
        found = self._found.get(phrases)
        if found is None:
            found = tuple([m for p in _compile_all(phrases, self.text.isascii()) for m in p.find(self.text)])
            self._found[phrases] = found
        return found

    @cached_property
    def sentences(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each sentence that holds text."""
        spans, at = [], 0
        for line in self.text.split("\n"):
            if line.strip():
                spans.append((at, at + len(line)))
            at += len(line) + 1
        return tuple(spans)

    @cached_property
    def _cues(self) -> tuple[list[tuple[str, Match]], list[tuple[int, int]]]:
        """The cues that count, and all terminators."""
        cues = cue_set()
        found, stops = [], []
        for number in cues.index.candidates(self.text):
            kind = cues.every[number][0]
            for m in cues.index.matchers[number](self.text):
                if kind == _STOP:
                    stops.append((m.start, m.end))
                else:
                    found.append((kind, m))
        return _longest(found), stops

    @cached_property
    def reaches(self) -> tuple[Reach, ...]:
        """Every cue of the report with its reach; `it has resolved` reaches the sentence before too."""
        found: list[Reach] = []
        for reach in self.own_reaches:
            found.append(reach)
            low, _ = self._sentence_of(reach.cue[0])
            before = [s for s in self.sentences if s[1] < low] if self.points_back(reach, low) else []
            if before:
                found.append(Reach(reach.kind, reach.cue, *before[-1]))
        return tuple(found)

    @cached_property
    def own_reaches(self) -> list[Reach]:
        """Every cue with its reach in the sentence that it stands in."""
        kept, _ = self._cues
        stops = self.stops(tuple((m.start, m.end) for _, m in kept))
        found = []
        for cue, m in kept:
            kind, _, side = cue.partition(" ")
            if kind != "not":
                found.append(self._reach(kind, m, self._looks_ahead(kind, side, m), stops))
        return found

    def stops(self, cues: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
        """The terminators that are no part of a cue."""
        return [(a, b) for a, b in self._cues[1] if not any(s < b and a < e for s, e in cues)]

    def _reach(self, kind: str, cue: Match, forward: bool, stops: list[tuple[int, int]]) -> Reach:
        low, high = self._sentence_of(cue.start)
        if forward:
            ends = [s for s, e in stops if s >= cue.end and s < high]
            end = min([high, *ends])
            end = _forward_end(self.text, cue.end, end, kind)
            return Reach(kind, (cue.start, cue.end), cue.end, end)
        starts = [e for s, e in stops if e <= cue.start and s >= low and not _is_aside(self.text, s, e, cue.start)]
        start = _backward_start(self.text, max([low, *starts]), cue.start)
        return Reach(kind, (cue.start, cue.end), start, cue.end)

    def points_back(self, reach: Reach, low: int) -> bool:
        """True for a negation that looks back and finds but a pronoun from the sentence's start at `low` on."""
        looks_back = reach.kind == "negation" and reach.start == low
        return looks_back and bool(_ANAPHOR.match(self.text[low : reach.cue[0]]))

    def _looks_ahead(self, kind: str, side: str, cue: Match) -> bool:
        """The side that a cue is listed for, unless nothing stands there; of both sides, the one ahead first."""
        if side == "after":
            low, _ = self._sentence_of(cue.start)
            return _asks_ahead(self.text, cue) or (kind == "negation" and _opens_sentence(self.text, low, cue))
        if side == "before" and kind != "negation":
            return True
        return not _ends_statement(self.text, cue, side == "both")

    def _sentence_of(self, at: int) -> tuple[int, int]:
        end = self.text.find("\n", at)
        return self.text.rfind("\n", 0, at) + 1, len(self.text) if end < 0 else end

    def status(self, match: Match) -> str:
        """`asserted`, or the kind of cue that takes the match back: `negation`, `hedge`, `context`."""
        core = match.core()
        for reach in self.reaches:
            if any(a <= reach.cue[0] and reach.cue[1] <= b for a, b in core):
                continue  # the phrase itself names the cue
            in_gap = any(a <= reach.cue[0] and reach.cue[1] <= b for a, b in match.gaps)
            low = min(reach.start, reach.cue[0])
            reached = in_gap or any(a >= low and b <= reach.end for a, b in core)
            if reached and not (reach.kind == "negation" and _is_taken_up(self.text, match.end, reach.end)):
                return reach.kind
        return "asserted"

    def statement(self, match: Match) -> tuple[int, int]:
        """The stretch that a predicate as `is normal` speaks of: its own statement, to the next one behind it."""
        low, high = self._sentence_of(match.start)
        low = max([low, *(at for at in self.clauses if low <= at <= match.start)])
        end = min([high, *(at for at in self.clauses if match.end <= at <= high)])
        start = _backward_start(self.text, low, match.start)
        return start, _forward_end(self.text, match.end, end, "negation")

    @cached_property
    def clauses(self) -> tuple[int, ...]:
        """Where clauses end: sentence ends and terminators."""
        stops = [start for start, _ in self.stops(tuple(r.cue for r in self.reaches))]
        return tuple(sorted([*stops, *(e for _, e in self.sentences)]))

    @cached_property
    def tokens(self) -> tuple[tuple[tuple[int, int], frozenset[str]], ...]:
        """The content tokens of each sentence, marked where a negation or a hedge reaches them."""
        return tuple((span, self._tokens(*span)) for span in self.sentences)

    def _tokens(self, low: int, high: int) -> frozenset[str]:
        reaches = [r for r in self.reaches if r.kind != "context" and r.start < high and r.end > low]
        marked = set()
        for start, end, token in content_tokens(self.text, low, high):
            kinds = {r.kind for r in reaches if r.start <= start and end <= r.end}
            marked.add("".join(f"{k}:" for k in sorted(kinds)) + token)
        return frozenset(marked)


def opens_with_pronoun(sentence: str) -> bool:
    """True where a cue may reach from the sentence to the one before."""
    return bool(_PRONOUN.match(sentence))


@lru_cache(maxsize=16384)
def _compile_all(phrases: tuple[str, ...], plain: bool) -> tuple[Phrase, ...]:
    """The phrases; for a `plain` text, of ASCII characters only, those that could match one."""
    return tuple(p for p in map(compile_phrase, phrases) if not plain or any(x.isascii() for x in p.literals))


def _is_taken_up(text: str, end: int, stop: int) -> bool:
    """True where what was denied is then stated of another place: `no effusion on the left but one on the right`."""
    return bool(_ONE.match(text, stop)) and not re.search(r",|\bn?or\b", text[end:stop].rstrip(" ,"))


def _longest(found: list[tuple[str, Match]]) -> list[tuple[str, Match]]:
    """Of cues that overlap, the longest; of one span, a cue before the `not` of another kind."""
    spans: dict[tuple[int, int], list[str]] = {}
    for cue, m in found:
        spans.setdefault((m.start, m.end), []).append(cue)
    kept: list[tuple[str, Match]] = []
    for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if not any(o.start < end and start < o.end for _, o in kept):
            kept.append((_speaks(spans[start, end]), Match(start, end)))
    return kept


def _speaks(cues: list[str]) -> str:
    """Which of the cues that one span is listed as counts: `not hedge` silences a hedge, but no negation."""
    silenced = {cue.removeprefix("not ") for cue in cues if cue.startswith("not ")}
    live = [cue for cue in cues if cue.split(" ")[0] not in {"not", *silenced}]
    if not live:
        return cues[0]
    kind = live[0].split(" ")[0]
    return f"{kind} both" if {f"{kind} before", f"{kind} after"} <= set(live) else live[0]


def _asks_ahead(text: str, cue: Match) -> bool:
    """True for a question mark set before a word: `?mucus plug`."""
    return text[cue.start : cue.end] == "?" and bool(re.match(r"[a-z]", text[cue.end : cue.end + 1]))


def _opens_sentence(text: str, low: int, cue: Match) -> bool:
    """True for a cue that looks back but has nothing behind: `Resolved effusion`."""
    return not text[low : cue.start].strip() and bool(re.match(r" +\w", text[cue.end : cue.end + 8]))


def _ends_statement(text: str, cue: Match, either: bool) -> bool:
    """True for a cue that looks ahead but has nothing ahead: `胸腔积液未见`, `气胸：无`, `pneumothorax: no`."""
    rest = text[cue.end : cue.end + 1]
    if _CJK.search(text[cue.start : cue.end]):
        return rest in ("", "\n", ",")
    return rest in ("", "\n") and (either or text[: cue.start].rstrip(" ").endswith(":"))


def _forward_end(text: str, start: int, end: int, kind: str) -> int:
    """Where a cue that looks ahead stops: at a comma or a conjunction that opens a new statement."""
    for m in re.finditer(r",|\b(?:and|with|as well as)\b", text[start:end]):
        at = start + m.start()
        rest = text[start + m.end() : end]
        if _CJK.search(text[max(0, at - 4) : at + 4]):
            return at
        if m.group() != ",":
            rest = f"{m.group()} {rest.lstrip()}"
        if kind != "context" and _opens_clause(text[start:at], rest, m.group() == ","):
            return at
    return end


def _opens_clause(left: str, rest: str, comma: bool) -> bool:
    segment = rest.split(",", 1)[0]
    if re.match(r"\s*(?:or|nor)\b", segment):
        return False
    if _NEW_CLAUSE.match(rest) and not _LIST_GOES_ON.search(rest):
        return True
    if not comma or re.match(r"\s*and\b", segment):
        return False
    if _VERB.search(left):
        return not _LIST_GOES_ON.search(segment)
    return bool(_VERB.search(segment)) and not _CLOSING_VERB.search(segment)


def _backward_start(text: str, start: int, end: int) -> int:
    """Where a cue that looks back stops: at the last comma or `and` before which a statement of its own stands."""
    commas = re.finditer(r",|\band\b", text[start:end])
    breaks = [m for m in commas if _closes_clause(text, start, start + m.start(), m, end)]
    while breaks and _BARE.fullmatch(text[start + breaks[-1].end() : end]):
        breaks.pop()
    return start + breaks[-1].end() if breaks else start


def _is_aside(text: str, start: int, end: int, cue: int) -> bool:
    """True for a terminator that opens an aside between commas: `the effusion, which was large, has resolved`."""
    _, comma, rest = text[end:cue].rpartition(",")
    return bool(comma) and text[:start].rstrip(" ").endswith(",") and bool(_BARE.fullmatch(rest))


def _closes_clause(text: str, start: int, at: int, m: re.Match[str], end: int) -> bool:
    left, right = text[start:at], text[at + len(m.group()) : end]
    if _CJK.search(text[max(0, at - 4) : at + 4]):
        return True
    article = r"\s*(?:the|an?|there)\b" if m.group() == "," else r"\s*(?:an?|there)\b"
    return bool(_VERB.search(left) or re.match(article, right))


@lru_cache(maxsize=4096)
def read(report: str) -> Reading:
    """The report as the reader sees it; the same text is read once."""
    return Reading(read_text(report))


def read_text(report: str) -> str:
    """The text of a reading: the report's normal form without its headings and unread sections."""
    return blank_unread(report, normalize(report))


def blank_unread(report: str, text: str) -> str:
    """A report's normal form, `text`, with line ends for its headings and its unread sections."""
    headings = find_headings(report, text)
    parts, done = [], 0
    for i, heading in enumerate(headings):
        stop = heading.end
        if not heading.read:
            last = i + 1 == len(headings)
            stop = end_of_unread(report, text, stop) if last else headings[i + 1].start
        elif not heading.listed:
            continue
        parts += [text[done : heading.start], "\n" * (stop - heading.start)]
        done = stop
    return "".join([*parts, text[done:]])


_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the of in on at to and or with is are was were be been being has have had this that these those it its "
        "there which as by from for into over under than then also again seen noted",
    )
)


_CONTENT = re.compile(r"[a-z0-9][\w.']*")
_PAIRS = re.compile(r"(?=([\u3400-\u9fff]{2}))")


def content_tokens(text: str, low: int, high: int) -> list[tuple[int, int, str]]:
    """Start, end and stem of each content word between two places; Chinese in pairs of characters."""
    found = []
    for m in _CONTENT.finditer(text[low:high]):
        word = m.group().rstrip(".'")
        if word.isascii() and word not in _STOP_WORDS:
            found.append((low + m.start(), low + m.start() + len(word), word[:6]))
    pairs = _PAIRS.finditer(text[low:high])
    found += [(low + m.start(), low + m.start() + 2, m.group(1)) for m in pairs]
    return found


def content_stems(text: str) -> set[str]:
    """The stems of all content words, each once; an empty one may be among them."""
    stems = {_stem(word) for word in _CONTENT.findall(text)}
    if not text.isascii():
        stems.update(_PAIRS.findall(text))
    return stems


@lru_cache(maxsize=16384)
def _stem(word: str) -> str:
    word = word.rstrip(".'")
    return "" if word in _STOP_WORDS or not word.isascii() else word[:6]
