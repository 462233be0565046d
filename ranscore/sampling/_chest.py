"""Whether a report is of a chest radiograph: by the study's own columns, else by the report's headings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ranscore.sections import Section, find_sections

MODALITY = ("modality", "设备类型", "检查类型")
STUDY = (
    "study_description", "studydescription", "series_description", "performedprocedurestepdescription",
    "procedurecodesequence_codemeaning", "body_part_examined", "bodypartexamined", "body_part", "exam",
    "examination", "检查部位", "检查项目", "部位",
)  # fmt: skip
VIEW = ("view", "views", "viewposition", "view_position", "viewcodesequence_codemeaning", "projection")
_XRAY = re.compile(r"\b(?:cr|dx|dr|xr|rg|rf|radiograph\w*|x-?ray\w*)\b|x ?线|平片|胸片", re.IGNORECASE)
_CHEST = re.compile(r"\b(?:chest|thorax|cxr|lungs?|thoracic(?! spine))\b|胸(?!椎)|肺", re.IGNORECASE)
_OTHER = re.compile(
    r"\b(?:abdom\w*|kub|pelvi[sc]\w*|hips?|femurs?|knees?|tibia|fibula|ankles?|foot|feet|toes?|hands?|fingers?|wrists?"
    r"|elbows?|forearms?|humerus|shoulders?|clavicles?|skull|head|brain|sinus(?:es)?|face|facial|mandible|neck|spine"
    r"|lumbar|cervical|sacrum|coccyx|ribs?|breasts?|mammogra\w*)\b"
    r"|腹|盆|髋|股骨|膝|胫|踝|足|手|腕|肘|肱|肩|锁骨|颅|头|颈椎|腰椎|胸椎|脊柱|骶|乳腺",
    re.IGNORECASE,
)
_CROSS = re.compile(
    r"\b(?:ct|cta|mri?|ultrasound|us|sonogra\w*|computed tomograph\w*|pet|fluoroscop\w*)\b"
    r"|磁共振|超声|(?<![a-z])ct(?![a-z])",
    re.IGNORECASE,
)
_TITLE = re.compile(r"(?m)^[ \t]*([A-Z][A-Z0-9 ,/()&'.-]{2,80}?)[ \t]*:")
_VIEWS = re.compile(
    r"\b(?:views?|radiographs?|x-?rays?|films?|series|portable|ap|pa|lat|lateral|ct|mri?)\b", re.IGNORECASE
)
_OF = re.compile(r"\b(?:views?|radiographs?|x-?rays?|films?|images?) of (?:\w+ ){0,3}\w+", re.IGNORECASE)
LONGEST_TITLE = 100  # characters


def study_of(text: str, details: Mapping[str, str]) -> str:
    """Why a report is not of a chest radiograph, `column` or `heading`; "" where nothing says so."""
    modality = _joined(details, MODALITY)
    if modality and not _XRAY.search(modality):
        return "column"
    if _is_cross(_joined(details, STUDY)):
        return "column"
    study = _joined(details, (*STUDY, *VIEW))
    if _CHEST.search(study):
        return ""
    if _OTHER.search(study):
        return "column"
    return "heading" if _titled_otherwise(text) else ""


def _joined(details: Mapping[str, str], names: tuple[str, ...]) -> str:
    return " ; ".join(value for name in names if (value := details.get(name, "").strip()))


def _is_cross(text: str) -> bool:
    return bool(_CROSS.search(text)) and not _XRAY.search(text)


def _titled_otherwise(text: str) -> bool:
    """True where the titles name another part of the body and no chest, or the examination is no radiograph."""
    sections = find_sections(text)
    examination = " ; ".join(text[s.body : s.end] for s in sections if "examination" in s.kinds)
    technique = " ; ".join(text[s.body : s.end] for s in sections if "technique" in s.kinds)
    headings = [h for h in _TITLE.findall(text) if _VIEWS.search(h)]
    titles = " ; ".join((examination, _first_line(text, sections), *headings, *_OF.findall(technique)))
    if _OTHER.search(titles) and not _CHEST.search(f"{titles} ; {technique}"):
        return True
    return _is_cross(examination)


def _first_line(text: str, sections: Sequence[Section]) -> str:
    """The line before any heading, where it is short enough to be a title."""
    first = sections[0]
    if first.kinds or first.body > first.start or not first.read:
        return ""
    line = text[: first.end].strip().split("\n", 1)[0]
    return line if len(line) <= LONGEST_TITLE and not line.rstrip().endswith((".", "。")) else ""
