"""Sorts terms by region and meaning: the same head word, or the same words in another order, make a group.

The head is an English term's word before `of`, else its last word that names no place; a Chinese term's shortest ending
that is a term itself. A group bears the name of its term with the highest C-value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ranscore.models._reading import read
from ranscore.taxonomy._mentions import Token, meant
from ranscore.taxonomy._records import ELSEWHERE
from ranscore.taxonomy._terms import Key, Mention
from ranscore.taxonomy._words import CJK, region_of, stem


def group_terms(tokens: Mapping[Key, Sequence[Token]], value: Mapping[Key, float]) -> dict[Key, Key]:
    """By term the term that its group is named after."""
    owner: dict[object, Key] = {}
    chief: dict[Key, Key] = {}
    for key in sorted(tokens, key=lambda k: (-value[k], k)):
        head = ("head", _head(tokens[key], tokens))
        alike = ("words", frozenset(map(stem, key))) if len(key) > 1 else head
        named = owner.get(alike) or owner.get(head) or key
        chief[key] = named
        owner.setdefault(head, named)
        owner.setdefault(alike, named)
    return chief


def _head(tokens: Sequence[Token], known: Mapping[Key, Sequence[Token]]) -> str:
    key = tuple(t.text for t in tokens)
    if any(CJK.match(part) for part in key):
        endings = (key[i:] for i in range(len(key) - 2, -1, -1))
        return "".join(next((e for e in endings if e in known), key))
    front = next((i for i, t in enumerate(tokens) if t.of and i), len(tokens))
    return stem(meant(tokens[:front])[-1].text)


def place_terms(mentions: Iterable[Mention], texts: Mapping[int, str], names: Mapping[Key, str]) -> dict[Key, str]:
    """By term its region: what its own words name, else the region named most often in the sentences it stands in."""
    own = {key: region_of(name) for key, name in names.items()}
    found = {key: region.id for key, region in own.items() if region}
    around: dict[Key, Counter[str]] = {}
    for mention in mentions:
        if mention.key not in found:
            low, high = mention.chunk.sentence
            region = region_of(read(texts[mention.chunk.report]).text[low:high])
            around.setdefault(mention.key, Counter())[region.id if region else ELSEWHERE] += 1
    commonest = {key: min(n.items(), key=lambda pair: (-pair[1], pair[0]))[0] for key, n in around.items()}
    return found | commonest
