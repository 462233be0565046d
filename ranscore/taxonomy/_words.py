"""The words between which finding terms stand, ready to be found in a text in normal form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ranscore.catalog import Region, anatomy
from ranscore.phrases import Match, compile_phrase, normalize

CJK = re.compile(r"[\u3400-\u9fff]")
_WORD = r"(?P<word>[a-z][a-z']*(?![a-z0-9]))"
_ADVERB = r"(?P<adverb>(?<![a-z0-9])[a-z]{3,}ly(?<!megaly)(?<!anomaly)(?![a-z0-9]))"
_CHARACTER = r"(?P<character>[\u3400-\u9fff])"


@dataclass(frozen=True)
class Words:
    """`parts` finds in turn the words of a text, each under the name of what it is; the others find predicates."""

    parts: re.Pattern[str]
    states: re.Pattern[str]
    normal: re.Pattern[str]
    places: re.Pattern[str]
    joins: frozenset[str]


@lru_cache(maxsize=1)
def words() -> Words:
    """The words of the catalog's anatomy file, compiled once."""
    told = anatomy()
    modifiers = [m for kind in told.modifiers.values() for m in kind]
    kinds = (("kept", told.kept), ("modifier", modifiers), ("break", told.breaks))
    parts = "|".join(f"(?P<{kind}>{_either(texts)})" for kind, texts in kinds)
    chinese = sorted((p for r in told.regions for p in r.places if CJK.search(p)), key=len, reverse=True)
    return Words(
        re.compile(rf"(?P<number>\d[\d.]*\s*[a-z]*)|{parts}|{_ADVERB}|{_WORD}|{_CHARACTER}|(?P<end>\S)"),
        re.compile(_either(told.states)),
        re.compile(_either(told.normal)),
        re.compile("|".join(map(re.escape, chinese)) or "(?!)"),
        frozenset(told.joins),
    )


def _either(texts: Iterable[str]) -> str:
    """A regular expression of any of the wordings, the longest first; English ones between word edges."""
    made = []
    for text in sorted(map(normalize, texts), key=lambda t: (-len(t), t)):
        core = r"\s+".join(re.escape(word).replace(r"\*", "[a-z]*") for word in text.split())
        made.append(core if CJK.search(text) else rf"(?<![a-z0-9]){core}(?![a-z0-9])")
    return f"(?:{'|'.join(made)})" if made else "(?!)"


def predicates(pattern: re.Pattern[str], text: str) -> list[Match]:
    """Where the pattern stands in the text."""
    return [Match(*m.span()) for m in pattern.finditer(text)]


@lru_cache(maxsize=65536)
def is_place(word: str) -> bool:
    """True for an English word that does no more than name a place."""
    found = (m for r in anatomy().regions for p in r.places if p.isascii() for m in compile_phrase(p).find(word))
    return any((m.start, m.end) == (0, len(word)) for m in found)


@lru_cache(maxsize=65536)
def region_of(text: str) -> Region | None:
    """The region that a term's own words name or point to, the first in the file's order."""
    for region in anatomy().regions:
        if any(compile_phrase(p).find(text) for p in (*region.places, *region.signs)):
            return region
    return None


_PLURALS = (
    ("thoraces", "thorax"), ("apices", "apex"), ("stases", "stasis"), ("ectases", "ectasis"), ("bullae", "bulla"),
    ("brae", "bra"), ("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"),
)  # fmt: skip


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """An English word without the ending of its plural."""
    for plural, one in _PLURALS:
        if word.endswith(plural):
            return word.removesuffix(plural) + one
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "is", "us")):
        return word
    return word[:-1]


_ENDING = re.compile(r"(?:ications?|osity|ous|ification|ied|ies|ements?|ments?|ations?|ings?|ening|ed|es|e|s|y)$")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word without its ending, so that `blunting` and `blunted` are the same; Chinese as it is."""
    return word if CJK.search(word) or len(word) < 6 else _ENDING.sub("", word)
