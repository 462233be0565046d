# ruff: noqa: E501 -- a rule is read best on one line
"""Rules for English: names by title, degree and signature, months, ages, record numbers, hospitals, addresses."""

from __future__ import annotations

import re

from ranscore.deidentification._rules import Rule

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:3[01]|[12]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d{2}"
_PART = r"(?:van|von|der|den|de|da|di|del|la|le|bin|ibn|al|el|dos|ter)"
_WORD = r"(?:[A-Z][a-z]*['’][A-Z]?[a-z]+|(?:Mc|Mac)[A-Z][a-z]+|[A-Z][a-zà-ÿ]+(?:-[A-Z][a-zà-ÿ]+)*|[A-Z]{2,}(?:['’-][A-Z]{2,})*)"
_INITIAL = r"[A-Z]\."
_NAME = rf"(?:{_WORD}|{_INITIAL})(?:(?:,? |-)(?:{_PART} )?(?:{_WORD}|{_INITIAL}|[A-Z]\b)){{0,3}}"
_TITLE = r"(?:Drs?|Doctor|Mr|Mrs|Ms|Miss|Prof|Professor|Nurse|DR|MR|MRS|MS|PROF)"
_DEGREE = r"(?:M\.?D\.?|D\.?O\.?|Ph\.?D\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|RPA|FRCR|MBBS|CNP|APRN|RT\(R\)|MSN)"
_DONE = (
    r"(?:dictated|transcribed|interpreted|read|reported|reviewed|(?:electronically |digitally )?signed|verified|approved|"
    r"finali[sz]ed|authenticated|attested|entered|performed|requested|ordered|referred|supervised|cosigned|edited|prepared)"
)
_ROLE = (
    r"(?:patient(?:'s)?(?: name)?|pt name|name|attending|resident|fellow|radiologist|technologist|technician|surgeon|"
    r"dictator|transcriptionist|signature|cosigner|(?:referring|ordering|requesting|attending|reading|primary care|primary|consulting)"
    r"(?: physician| doctor| provider| md| radiologist| clinician)?|physician|provider|pcp|next of kin|guardian|spouse|mother|father)"
)
_TOLD = (
    r"(?:discussed|communicated|conveyed|relayed|reported|telephoned|called|paged|given|notified|spoken|spoke|informed|"
    r"reviewed|phoned|transmitted)"
)
_NO_NAME = frozenset(
    re.findall(
        r"\w+",
        [
            "the there this that these those no not and or with without of in on at to from by for is are was were a an at findings impression indication comparison technique history examination exam clinical report reason conclusion chest heart lungs lung pleura bones mediastinum left right upper lower middle bilateral stable unchanged new pa ap lateral portable icu ed er or ct mri us xr cxr md team service clinician physician doctor patient emergency department medicine surgery radiology nursing staff floor ward unit house officer resident attending none unknown male female unspecified normal negative positive pending see final preliminary addendum date time dob mrn age sex study accession hospital clinic signed electronically dictated transcribed reviewed verified if when please he she it they we i his her findings results result above below after before during direct pneumothorax effusion edema pneumonia atelectasis consolidation cardiomegaly tube line catheter port"
        ][0],
    )
)


def _is_name(match: re.Match[str]) -> bool:
    words = re.findall(r"[A-Za-z'’-]+", match["it"])
    return bool(words) and words[0].lower() not in _NO_NAME and set(match["it"].upper()) - set("X .,-") != set()


def _is_place(match: re.Match[str]) -> bool:
    words = [w.lower() for w in re.findall(r"[A-Za-z'’-]+", match["it"])]
    generic = {
        "the",
        "outside",
        "this",
        "our",
        "local",
        "general",
        "same",
        "another",
        "day",
        "eye",
        "pain",
        "outpatient",
    }
    return any(
        w not in generic | _NO_NAME | {"medical", "center", "centre", "health", "system", "nursing", "home"}
        for w in words
    )


_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA "
    "RI SC SD TN TX UT VT VA WA WV WI WY DC"
).replace(" ", "|")
_CITY = r"[A-Z][a-z]+(?:[ -][A-Z][a-z]+){0,2}"
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Parkway|Pkwy|"
    r"Highway|Hwy|Close|Crescent)"
)
_HOUSE = (
    r"(?:Hospitals?|Medical Cent(?:er|re)|Clinics?|Infirmary|Health (?:System|Cent(?:er|re)|Network)|Healthcare|Hospice|"
    r"Nursing (?:Home|Facility)|Sanatorium|Rehabilitation Cent(?:er|re)|Imaging Cent(?:er|re)|Cancer Cent(?:er|re)|Care Cent(?:er|re))"
)
_NUMBERED = (
    r"(?:MRN?|medical record|accession|acc|case|study|patient|encounter|account|acct|order|requisition|visit|"
    r"exam(?:ination)?|specimen|chart|record|policy|member|insurance|device|serial|unit|admission)"
)

RULES = (
    Rule(
        "month in words",
        "date",
        re.compile(
            rf"\b(?P<it>(?i:{_MONTH})\.? {_DAY}(?:,? {_YEAR}| ?,? ?'\d{{2}})?|{_DAY}[ -](?:of )?(?i:{_MONTH})\.?(?:,?[ -](?:{_YEAR}|\d{{2}}))?|"
            rf"(?i:{_MONTH})\.?,? (?:of )?{_YEAR})(?![\d.]\d|\d)"
        ),
        fits=lambda m: not re.match(r"may \d|\d+ may\b|mar \d|dec \d", m["it"]) or bool(re.search(_YEAR, m["it"])),
    ),
    Rule("name after a title", "name", re.compile(rf"\b{_TITLE}\.? (?P<it>{_NAME})"), fits=_is_name),
    Rule(
        "name after a title in small letters",
        "name",
        re.compile(r"\b(?:dr|mr|mrs|ms)\.? (?P<it>[a-z][a-z'’-]{2,})\b"),
        sure=False,
        fits=_is_name,
    ),
    Rule("name before a degree", "name", re.compile(rf"\b(?P<it>{_NAME}),? {_DEGREE}(?![A-Za-z])"), fits=_is_name),
    Rule(
        "name in a signature",
        "name",
        re.compile(
            rf"\b(?i:{_DONE})(?: and (?i:{_DONE}))?(?: on behalf of| for)?(?: by| from)?\s*:?\s+(?:by\s*:?\s+)?(?:{_TITLE}\.? )?(?P<it>{_WORD}(?:,? (?:{_WORD}|{_INITIAL}|[A-Z]\b)){{1,3}})"
        ),
        fits=_is_name,
    ),
    Rule("name after by", "name", re.compile(rf"\b(?i:{_DONE}) by:? (?:{_TITLE}\.? )?(?P<it>{_NAME})"), fits=_is_name),
    Rule(
        "name after a role",
        "name",
        re.compile(rf"\b(?i:{_ROLE})\s*[:=]\s*(?:{_TITLE}\.? )?(?P<it>{_NAME})"),
        fits=_is_name,
    ),
    Rule(
        "name of who was told",
        "name",
        re.compile(
            rf"\b(?i:{_TOLD})(?: \w+){{0,4}}? (?:with|to|by) (?:nurse |resident |NP |PA |RN )?(?P<it>{_WORD} (?:{_INITIAL} )?{_WORD})"
        ),
        fits=_is_name,
    ),
    Rule(
        "word of who was told",
        "name",
        re.compile(rf"\b(?i:{_TOLD})(?: \w+){{0,4}}? (?:with|to|by) (?P<it>[A-Z][a-z]{{2,}})\b"),
        sure=False,
        fits=_is_name,
    ),
    Rule(
        "name after patient",
        "name",
        re.compile(rf"\b[Pp]atient (?P<it>{_WORD} (?:{_INITIAL} )?{_WORD})"),
        fits=_is_name,
    ),
    Rule(
        "age over 89",
        "age",
        re.compile(
            r"\b(?P<it>9\d|1[0-2]\d)(?=[- ]?(?:years?|yrs?|y\.?/?o\b|yr\b|[FM]\b))|\b(?i:aged?)[: ]+(?P<other>9\d|1[0-2]\d)\b"
        ),
        fits=lambda m: m["it"] is not None,
    ),
    Rule(
        "age over 89 after a word for it",
        "age",
        re.compile(r"\b(?i:aged?)(?i: of)?[: ]+(?P<it>9\d|1[0-2]\d)\b(?!\s?(?:%|cm|mm|days?|weeks?|months?))"),
    ),
    Rule(
        "age over 89 in words",
        "age",
        re.compile(
            r"\b(?P<it>nineties|ninety[- ](?:one|two|three|four|five|six|seven|eight|nine)|ninety|one hundred(?: and \w+)?)(?=[- ]years?|\b(?<=nineties))",
            re.IGNORECASE,
        ),
    ),
    Rule(
        "number after a word for it",
        "record number",
        re.compile(
            rf"\b(?:{_NUMBERED})(?:\s?(?:number|no|id|#))?[\s.:#]{{1,4}}(?P<it>(?=[A-Z0-9-]*\d[A-Z0-9-]*\d[A-Z0-9-]*\d)[A-Z0-9]{{2,}}(?:-[A-Z0-9]+)*)\b",
            re.IGNORECASE,
        ),
        fits=lambda m: bool(re.search(r"\d", m["it"])) and not re.fullmatch(_YEAR, m["it"]),
    ),
    Rule(
        "hospital",
        "hospital",
        re.compile(
            rf"\b(?P<it>(?:(?:St\.|[A-Z][\w'’&-]*)(?: (?:of|and|for|the))? ){{1,5}}{_HOUSE}(?: (?:of|at|in) {_CITY})?)(?![\w])"
        ),
        fits=_is_place,
    ),
    Rule(
        "university",
        "hospital",
        re.compile(rf"\b(?P<it>University of {_CITY}(?: {_HOUSE})?|{_CITY} University(?: {_HOUSE})?)"),
    ),
    Rule(
        "street",
        "address",
        re.compile(
            rf"\b(?P<it>\d{{1,5}}[A-Z]? (?:[A-Z][\w.'-]* ){{1,4}}?{_STREET}\b\.?(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Flat|#)\.? ?\w+)?(?:,? {_CITY})?(?:,? (?:{_STATES}))?(?:,? \d{{5}}(?:-\d{{4}})?)?)"
        ),
    ),
    Rule("post box", "address", re.compile(r"\b(?P<it>P\.?\s?O\.? Box \d+)", re.IGNORECASE)),
    Rule(
        "city and state",
        "address",
        re.compile(rf"\b(?P<it>{_CITY}, (?:{_STATES})(?: \d{{5}}(?:-\d{{4}})?)?)\b(?!\.?D)"),
        fits=_is_name,
    ),
    Rule("state and code", "address", re.compile(rf"\b(?P<it>(?:{_STATES}) \d{{5}}(?:-\d{{4}})?)\b")),
    Rule(
        "home",
        "address",
        re.compile(rf"\b(?:lives|living|resides|residing|resident) (?:in|at|of) (?P<it>{_CITY}(?:, [A-Z][a-z]+)?)"),
        fits=_is_name,
    ),
)
