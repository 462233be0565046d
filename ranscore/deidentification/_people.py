"""Reads a person's name in English text, word by word, from where a title, a label or a verb leads to it."""

from __future__ import annotations

import re
from collections.abc import Iterator

TITLE = r"(?:Drs?|Doctor|Mr|Mrs|Ms|Miss|Prof|Professor|Nurse|Sister|Mx)"
DEGREE = re.compile(
    r"(?:M\.?D\.?|D\.?O\.?|Ph\.?\s?D\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|R\.?P\.?A|FRCR|MBBS|MB|CNP|CRNP|APRN|ARNP|"
    r"RT(?:\(R\))?|MSN|BSN|LPN|CNM|FACR|MPH|MS|MSc|DNP|RRT|JD)(?![A-Za-z'’-])"
)
PARTICLES = frozenset("van von der den de da di del della la le bin ibn al el dos das ter ten st san mac".split())
SUFFIX = re.compile(r"(?:Jr|Sr)\.?(?![A-Za-z])|I{2,3}(?![A-Za-z])|IV(?![A-Za-z])", re.IGNORECASE)

# Words that end a name: grammar, headings, and what a report says beside names.
STOP = frozenset(
    "a about above access accession account acct acute address addendum adult after age aged ago all also am an and any "
    "ap approved apt are as assistant at attending authenticated axial back be because been before below bilateral "
    "birthdate bones brain but by call called can care case cc chart chest chief clear clinic clinical clinician "
    "communicated communication compared comparison conclusion confirmed consultant contact contacted conveyed copy "
    "correlate could created critical ct cxr daughter date dated department diagnosis diagnostic dictated dictating "
    "digital directly discharge discovery discussed dob doctor document does dose during each ed edited effusion "
    "electronically emergency encounter end er exam examination examined examiner exposure fax fellow female film final "
    "finalized findings fluoroscopy following follow for frontal from gave gender given had has have he head heart her "
    "hers him his history home hospital hours house i icu id if image images imaging immediately impression in "
    "including indication indications information informed inpatient interpreted interpretation into is it its job "
    "known lateral left line lines line location long-standing lower lungs lung male manager may md me mediastinum "
    "medical medicine medicaid medicare message minutes mobile mr mri mrn ms name new next no none normal not notes "
    "notification notified number nurse nursing of office on only or order ordered ordering our outpatient over pa page "
    "paged pager patient pending performed personally phone physician please pm pneumothorax portable practitioner "
    "preliminary primary prior procedure provider pt pulmonary questions radiograph radiographs radiology radiologist "
    "read reading reason received recommendation record records referred referring regarding relayed report reported "
    "requested requesting resident result results review reviewed right room sent series service sex she signature "
    "signed signing since spoke spoken staff status stable study surgeon surgery team technique technologist tel "
    "telephone telephoned that the their them then there these they this those through time to today transcribed "
    "transcriptionist transferred unchanged under unit unknown until upon upper urgent using verbal verbally verified "
    "via view views visit wanted ward was we were wet when where whether which while who will with within without "
    "would xr xray x-ray yesterday you your yo year years old days weeks months dictator edema pneumonia atelectasis "
    "consolidation cardiomegaly tube catheter port unspecified negative positive see he's results' unable day night "
    "morning evening afternoon noon midnight approximately hrs hr min minute hour transcription typed dept voice recognition software protocol supine technician transporter division "
    "institution location requests request reports diagnosed unremarkable comparisons exams studies".split()
)
# Names that are also words of reports: they are no name again elsewhere in the text.
ORDINARY = STOP | frozenset(
    "abbott angel april art august autumn baker bass bay bear bell berry best bill bird black block bloom blue bond "
    "bone bow branch bridge bright brook brooks brown buck bull burn burns bush butler carpenter case cash chance "
    "chase church clay close cloud cold cole cook cross curry dale dawn day dean dear dee do drew drain early east ernest "
    "faith fall field fields finger fish flow flowers foot ford forest fox frank free french frost gay gene glass gold "
    "golden good grace grant grave graves gray green grey gross hand hands hall hardy harm hart head heart heath hill "
    "holder holly home hope hood horn house hunter ice ivory ivy jack jay jewel john joy june justice key king knee "
    "knight lake lamb lane law leaf lee light lily little long lord love low major mace march mark marks marsh mason "
    "may mead merry miles mills moody moon moor moss nail neck noble north oak olive page pain park parks parson pat patience pearl "
    "penny plate platt pool poor pope porter powers pratt price pride prince quick rain ray reed rice rich ridge ring "
    "rivers rob robin rock root rose rush rusty sandy savage sharp shaw shell short silver small smart snow south "
    "spear spring sterling stern stone storm stout strange street strong summer summers swan sweet tender thorn tie "
    "tower trout vale valve van vein wall waters weak weaver weeks wells west wheeler white will wise wolf wood woods "
    "worth young".split()
)

_LETTER = r"[^\W\d_]"
_WORD = re.compile(rf"{_LETTER}+(?:['’-]{_LETTER}+)*")
_GAP = re.compile(r"[ \t]*")
_TITLES = re.compile(
    rf"(?:{TITLE}\b\.?|(?:NP|PA|RN|MD|resident|attending|physician|intern|fellow|clinician)\b\.?)[ :]+", re.IGNORECASE
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

    `least` words and initials make a name, one of them a word; a `trusted` place takes its first word though it be an ordinary one;
    with `comma` the surname may come first (`Smith, John A`).
    """
    end, words, initials, turned = at, 0, 0, False
    position = at
    while words < MOST_WORDS:
        found = _WORD.match(text, position)
        if not found or _stops(text, found, trusted and not words, words, comma, initials):
            break
        if found[0].lower() in PARTICLES and _leads_on(text, found):
            position = _GAP.match(text, found.end()).end()  # type: ignore[union-attr]
            continue
        initial = len(found[0]) == 1
        if initial and words == 0 and initials == 3:
            break
        words, initials = words + (not initial), initials + initial
        end = found.end() + (initial and text[found.end() : found.end() + 1] == "." and not turned)
        if turned and initial:
            break
        position, turned = _on(text, end, turned, comma and words >= 1)
        if position == end:
            break
    return end if words and words + initials >= least else at


def _stops(text: str, found: re.Match[str], trusted: bool, words: int, comma: bool, initials: int) -> bool:
    word = found[0]
    if not word[0].isupper():
        return word.lower() not in PARTICLES or not _leads_on(text, found)
    if DEGREE.match(text, found.start()) and words:
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


def _leads_on(text: str, found: re.Match[str]) -> bool:
    """Whether a particle is followed by the rest of a name."""
    following = _WORD.match(text, _GAP.match(text, found.end()).end())  # type: ignore[union-attr]
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
        if also := re.compile(r" ?(?:,|;|/|and|&)+ ?(?:and )?(?:Drs?\.? )?").match(text, end):
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
    end = name_end(text, start, least=2 if match[0].isupper() else 1)
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
