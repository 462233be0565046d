"""Reads a person's name in English text, word by word, from where a title, a label or a verb leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ranscore.deidentification._words import PARTICLES, STOP

TITLE = r"(?:Drs?|Doctor|Mr|Mrs|Ms|Miss|Prof|Professor|Nurse|Sister|Mx)"
DEGREE = re.compile(
    r"(?:M\.?D\.?|D\.?O\.?|Ph\.?\s?D\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|R\.?P\.?A|FRCR|MBBS|MB|CNP|CRNP|APRN|ARNP|"
    r"RT(?:\(R\))?|MSN|BSN|LPN|CNM|FACR|MPH|MS|MSc|DNP|RRT|JD)(?![A-Za-z'’-])"
)
_LETTER = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTER}+(?:['’-]{_LETTER}+)*")
_GAP = re.compile(r"[ \t]*")
_TITLES = re.compile(
    rf"(?:{TITLE}\b\.?|(?:NP|PA|RN|MD|resident|attending|physician|intern|fellow|clinician)\b\.?)[ :\n]+", re.IGNORECASE
)
_NAME_IS_OVER = re.compile(r"[,;)]|\s*[(\n]|\s*$")
_TURNED = re.compile(rf" ?[,^] ?[A-Z]{_LETTER}+(?: [A-Z]\.?)? ?(?:\n|$|[|(]|{DEGREE.pattern})")
_NAMES_TOO = frozenset({"will", "may", "june"})
MOST_WORDS = 4


def after_titles(text: str, at: int) -> int:
    """Where a name can start, after titles and ranks."""
    while found := _TITLES.match(text, at):
        at = found.end()
    return at


def name_end(text: str, at: int, *, least: int = 1, trusted: bool = False, comma: bool = False) -> int:
    """Where the name that starts at `at` ends, or `at` where there is none.

    `least` words and initials make a name, one of them a word; a `trusted` place takes its first word
    though it be an ordinary one; with `comma` the surname may come first (`Smith, John A`).
    """
    end, words, initials, turned = at, 0, 0, False
    position = at
    while words < MOST_WORDS:
        found = _WORD.match(text, position)
        if not found or _stops(text, found, trusted and not words, words, comma, initials):
            break
        if found[0].lower() in PARTICLES and _leads_on(text, found):
            position = _past_gap(text, found.end())
            continue
        initial = len(found[0]) == 1
        if initial and words == 0 and initials == 3:
            break
        words, initials = words + (not initial), initials + initial
        end = found.end() + (initial and text[found.end() : found.end() + 1] == "." and not turned)
        if (turned and initial) or found[0][-2:] in ("'s", "’s", "'S"):
            break
        position, turned = _on(text, end, turned, comma and 1 <= words <= 2 and not initials)
        if position == end:
            break
    if not words or words + initials < least:
        return at
    return end - 2 if re.search(r"[^\W\d_]['’][sS]$", text[at:end]) else end


def _stops(text: str, found: re.Match[str], trusted: bool, words: int, comma: bool, initials: int) -> bool:
    word = found[0]
    if not word[0].isupper():
        return word.lower() not in PARTICLES or not _leads_on(text, found)
    degree = DEGREE.match(text, found.start())
    if degree and (words or re.compile(r" ?[,)]").match(text, degree.end())):
        return True
    behind = text[found.end() : found.end() + 1]
    if len(word) == 1:
        return behind != "." and (not words or word == "I")
    if trusted:
        return word.lower() in ("the", "to", "and", "at", "of", "was", "is", "in", "on")
    if word.lower() in _NAMES_TOO and (words == 0 or text[: found.start()].rstrip()[-1:] in (",", "^")):
        return False
    if words == 0 and comma and _TURNED.match(text, found.end()):
        return False
    last = (
        (words == 1 or (initials and not words))
        and text[found.start() - 1] == " "
        and _NAME_IS_OVER.match(text, found.end())
    )
    return (word.lower() in STOP and not last) or (behind == ":" and words > 0)


def _past_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    return gap.end() if gap else at


def _leads_on(text: str, found: re.Match[str]) -> bool:
    """Whether a particle is followed by the rest of a name."""
    following = _WORD.match(text, _past_gap(text, found.end()))
    if following is None or following.start() == found.end():
        return False
    return following[0][0].isupper() or following[0] in PARTICLES


def _on(text: str, end: int, turned: bool, comma: bool) -> tuple[int, bool]:
    """Where the next word of the name starts (`end` where none does), and whether the surname came first."""
    if comma and not turned:
        mark = re.compile(r" ?\^|,[ ]?").match(text, end)
        following = mark and _WORD.match(text, mark.end())
        if mark and following and following[0][0].isupper() and not DEGREE.match(text, mark.end()):
            if following[0].lower() not in STOP - _NAMES_TOO:
                return mark.end(), True
            return end, turned
    gap = re.compile(r" |\^").match(text, end)
    return (gap.end(), turned) if gap else (end, turned)


def leading(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name after a title or a label, and another after `and`."""
    text, start = match.string, after_titles(match.string, match.end())
    end = name_end(text, start, trusted=match.re.groups > 0 and bool(match[1]), comma=True)
    if end > start:
        yield start, end
        if also := re.compile(r" ?(?:,|;|/|and|&)+ ?(?:and )?(?:Drs?\.? )?", re.IGNORECASE).match(text, end):
            second = name_end(text, also.end(), least=2 if match[0].strip()[-1] in ":" else 1)
            if second > also.end() and match[0].lower().lstrip().startswith(("drs", "cc", "copy")):
                yield also.end(), second


def told(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name after `discussed with` and the like: two words, or one after a title."""
    text, start = match.string, after_titles(match.string, match.end())
    end = name_end(text, start, least=1 if start > match.end() else 2, comma=True)
    if end > start:
        yield start, end


def kin(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name after `daughter`, `nurse` and the like: one word, among capitals two."""
    text, start = match.string, after_titles(match.string, match.end())
    end = name_end(text, start)
    if end > start and match[0].isupper() and " " not in text[start:end]:
        end = end if re.compile(r"[.,;()]|\s*$").match(text, end) else start
    if end > start:
        yield start, end


def before_degree(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """The name that ends where a degree follows."""
    text, stop = match.string, match.start()
    line = max(text.rfind("\n", 0, stop) + 1, stop - 60)
    for word in _WORD.finditer(text, line, stop):
        if word.start() and text[word.start() - 1] in "'’-.":
            continue
        end = name_end(text, word.start(), comma=True)
        if end > word.start() and end >= stop:
            yield word.start(), min(end, stop)
            return
