# ruff: noqa: E501 -- a rule is read best on one line
"""Rules for English: names by title, degree and signature, months, ages, record numbers, hospitals, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ranscore.deidentification._people import DEGREE, TITLE, before_degree, kin, leading, told
from ranscore.deidentification._rules import Rule
from ranscore.deidentification._words import STOP, words

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_DAY = r"(?:3[01]|[012]?\d)(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d{2}"
_DONE = (
    r"(?:dictated|transcribed|interpreted|read|reported|reviewed|(?:electronically |digitally )?signed|verified|approved|"
    r"finali[sz]ed|authenticated|attested|entered|performed|requested|ordered|referred|supervised|co-?signed|edited|prepared|"
    r"typed|seen|examined|evaluated|given|called|inserted|placed|removed|written|completed|confirmed|obtained|done|dictation|report)"
)
_RANK = r"(?: physician| doctor| provider| m\.?d\.?| radiologist| clinician| surgeon| resident| practitioner| nurse)"
_ROLE = (
    r"(?:(?:patient|pt|subject|client)(?:'s)?(?: full)?(?: name)?|(?:full |last |first |family |sur|maiden )?name|attending|resident|fellow|staff|"
    r"technologist|technician|surgeon|radiologists?|consultant|dictator|transcriptionist|transcriber|signature|co-?signer|author|reader|"
    rf"(?:referring|ordering|requesting|attending|reading|primary care|primary|consulting|admitting|signing|interpreting|reporting|responsible|staff){_RANK}?|"
    r"physician|provider|pcp|gp|doctor|emergency contact|contact person|contact|next of kin|guardian|spouse|mother|father|wife|husband|son|daughter|"
    r"nurse|cc|copy to|copies to|attn|attention|to|from|by|signed|dictated|interpreted|notified|informed|verified|re|regarding|approved|reviewed|guarantor|insured|subscriber|policy holder|informant|/s/)"
)
_KIN = (
    r"(?:daughter|son|wife|husband|mother|father|brother|sister|spouse|partner|niece|nephew|friend|caregiver|caretaker|guardian|"
    r"granddaughter|grandson|nurse)"
)
_TOLD = (
    r"(?:discussed|communicated|conveyed|relayed|reported|telephoned|called|paged|given|notified|spoken|spoke|informed|"
    r"reviewed|phoned|transmitted|texted|told|faxed|emailed|mailed|sent|forwarded|copied|addressed|messaged|discussion|conversation|consultation|delivered|contacted)"
)
_FIRST_IS_NONE = frozenset(
    {"outside", "the", "this", "our", "local", "general", "same", "another", "day", "eye", "pain"}
)


def _is_name(match: re.Match[str]) -> bool:
    words = re.findall(r"[A-Za-z'’-]+", match["it"])
    return bool(words) and words[0].lower() not in STOP and set(match["it"].upper()) - set("X .,-") != set()


_KINDS = words("medical center centre health system nursing home outpatient hospital hospitals clinic clinics of")


def _place(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """A house's name without the words before it that are none of it."""
    start, end = match.span("it")
    words = list(re.finditer(r"[A-Za-z][\w'’.&-]*", match["it"]))
    first = 0
    house = next((i for i, w in enumerate(words) if i and w[0].lower() in _NAMED), len(words))
    for i, word in enumerate(words[:house]):
        if word[0].lower() in _LEAD_IN and not (word[0].lower() in ("of", "and", "for", "the") and i > first):
            first = i + 1
    if any(w[0].lower() not in _KINDS | _FIRST_IS_NONE | STOP for w in words[first:]):
        yield start + words[first].start(), end


def _city(match: re.Match[str]) -> Iterator[tuple[int, int]]:
    """City and state without the words of a sentence before them."""
    start, end = match.span("it")
    ordinary = [w for w in re.finditer(r"[A-Za-z]+(?=[ -])", match["it"].split(",")[0]) if w[0].lower() in STOP]
    yield start + (ordinary[-1].end() + 1 if ordinary else 0), end


_NAMED = words(
    "hospital hospitals medical clinic clinics infirmary health healthcare hospice nursing university rehabilitation imaging cancer care"
)
_LEAD_IN = words(
    "md do rn np pa phd "
    "am pm transferred transfer admitted from at to in performed obtained with by known seen referred presented on the our an this "
    "treated done outside local another discharged follow followup see copd radiology department"
)


_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA "
    "RI SC SD TN TX UT VT VA WA WV WI WY DC"
).replace(" ", "|")
_STATE_NAMES = (
    (
        "Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida Georgia Hawaii Idaho Illinois Indiana Iowa "
        "Kansas Kentucky Louisiana Maine Maryland Massachusetts Michigan Minnesota Mississippi Missouri Montana Nebraska Nevada "
        "Ohio Oklahoma Oregon Pennsylvania Tennessee Texas Utah Vermont Virginia Washington Wisconsin Wyoming"
    ).replace(" ", "|")
    + "|New (?:Hampshire|Jersey|Mexico|York)|North Carolina|South Carolina|North Dakota|South Dakota|West Virginia|Rhode Island"
)
_CITY = r"[A-Z][A-Za-z'.]+(?:[ -][A-Z][A-Za-z]+){0,2}"
_REGION = rf"(?:(?i:{_STATE_NAMES})|(?:{_STATES}))\b(?: \d{{5}}(?:-\d{{4}})?\b)?"
_STREET = (
    r"(?i:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr(?=\.?(?:,| #| Apt))|Court|Ct|Way|Place|Pl|Square|Sq|Terrace|Parkway|Pkwy|"
    r"Highway|Hwy|Close|Crescent|Circle|Cir|Trail|Row)"
)
_HOUSE = (
    r"(?i:Hospitals?|Medical Cent(?:er|re)|Clinics?|Infirmary|Health (?:System|Cent(?:er|re)|Network)|Healthcare|Hospice|"
    r"Nursing (?:Home|Facility)|Sanatorium|Rehabilitation Cent(?:er|re)|Imaging Cent(?:er|re)|Cancer Cent(?:er|re)|Care Cent(?:er|re))"
)
_UNITS = words("ICU ED ER OR CT MRI MICU SICU PACU CCU NICU PICU CTICU OSH US IR PCP SNF EMS OB MR ECU PM AM")
_NUMBERED = (
    r"(?:MRN?|medical record|accession|acc|case|study|patient|encounter|account|acct|order|requisition|visit|"
    r"exam(?:ination)?|specimen|chart|record|policy|member|insurance|device|serial|unit|admission|hosp(?:ital)?|med(?:ical)? rec(?:ord)?|npi|gmc|dea|licen[sc]e|certificate|account|document|job|request|registration)"
)

RULES = (
    Rule(
        "month in words",
        "date",
        re.compile(
            rf"\b(?P<it>(?i:{_MONTH}\.? {_DAY})(?:,? {_YEAR}\b| ?,? ?'\d{{2}})?|(?i:{_DAY}[ -](?:of )?{_MONTH})\b(?:\.?,?[ -]{_YEAR}|[ -]\d{{2}}(?!\d|[ :-]?\d|\s?(?:mm|cm|%)|[ -](?:hour|year|day|week|month|y|image|view)))?|"
            rf"(?i:{_MONTH})\.?,? (?:of )?{_YEAR})(?!\.\d|\d|[ ]?(?:mm|cm|%|mg|days?|weeks?|months?)\b)"
        ),
        fits=lambda m: (
            not re.match(r"may \d|\d+ may\b|mar \d|dec \d|\d+ (?:mar|dec|sep|jun)\b", m["it"])
            or bool(re.search(_YEAR, m["it"]))
        ),
    ),
    Rule(
        "name after a title",
        "name",
        re.compile(rf"\b(?:((?i:Drs?|Mrs?|Ms|Prof)\.)|(?:{TITLE}|DRS?|MRS?|MS|PROF|NURSE)\b)[ \n]?(?=[A-Za-zÀ-ɏ])"),
        reach=leading,
    ),
    Rule(
        "name after a title in small letters",
        "name",
        re.compile(r"\b(?:dr|mr|mrs|ms)\.? (?P<it>[a-z][a-z'’-]{2,})\b"),
        sure=False,
        fits=_is_name,
    ),
    Rule(
        "name before a degree",
        "name",
        re.compile(rf" ?, ?(?={DEGREE.pattern})| (?=(?:M\.?D|R\.?N|M\.D\.|D\.O|Ph\.?D)\b(?!:))"),
        reach=before_degree,
    ),
    Rule(
        "name after by",
        "name",
        re.compile(rf"\b(?i:{_DONE}(?: and {_DONE})?(?: on behalf of| for| \w+)? (?:by|with))\b ?[:-]? ?"),
        reach=leading,
    ),
    Rule(
        "name in a signature",
        "name",
        re.compile(r"(?:\b(?i:electronically signed|signed|authenticated)|/s/)(?: by)?[ :-]+"),
        reach=told,
    ),
    Rule(
        "name after a label",
        "name",
        re.compile(rf"(?:\b|(?=/))(?i:{_ROLE}(?:\(s\))?) ?(?:[:=]+|#:| - )[ \t]*"),
        reach=leading,
    ),
    Rule(
        "name after the word for it",
        "name",
        re.compile(r"\b(?i:(?:patient|pt|client)(?:'s)? name|resident name|physician name) (?=[A-Za-z])"),
        reach=leading,
    ),
    Rule(
        "name of a rank",
        "name",
        re.compile(
            r"\b(?:RN|NP|PA-C|PA|CRNP|APRN) (?=[A-Z][A-Za-z'’-]+ (?:informed|notified|aware|told|called|paged|INFORMED|NOTIFIED|AWARE))"
        ),
        reach=leading,
    ),
    Rule(
        "name after a report for",
        "name",
        re.compile(
            r"\b(?i:reports?|results?|stud(?:y|ies)|exam(?:ination)?|consultation|ask|message|letter|copy) (?i:for|on|to) (?=[A-Z])"
        ),
        reach=told,
    ),
    Rule(
        "name after by, before a time",
        "name",
        re.compile(r"\b(?i:by) (?=(?:[A-Z][\w.'’-]* ){2,4}(?i:at|on) \d)"),
        reach=told,
    ),
    Rule(
        "name to be called",
        "name",
        re.compile(
            r"\b(?i:call|contact|page|reach|ask for|speak to|speak with) (?=[A-Z][A-Za-z'’-]+ (?:at|on|AT|ON) [(+\d])"
        ),
        reach=leading,
    ),
    Rule(
        "name in brackets after a role",
        "name",
        re.compile(
            r"\b(?i:clinician|physician|provider|nurse|surgeon|resident|doctor|attending|fellow|radiologist|RN|PA|NP|MD) \((?=[A-Z])"
        ),
        reach=told,
    ),
    Rule("name in the line after a label", "name", re.compile(rf"\b(?i:{_ROLE}) ?:[ ]?\n"), reach=told),
    Rule(
        "name after a time and by",
        "name",
        re.compile(rf"(?:\d(?:st|nd|rd|th)?|\b[AaPp]\.?[Mm]\.?|\b(?i:hours|hrs|{_MONTH})),? (?i:by) "),
        reach=leading,
    ),
    Rule(
        "name of who was told",
        "name",
        re.compile(
            rf"\b(?i:{_TOLD}(?: [\w/()-]+){{0,6}}? (?:with|to|by)) (?:the )?(?:(?i:nurse|resident|intern|NP|PA|RN|surgeon|physician) )?"
        ),
        reach=told,
    ),
    Rule(
        "name of who was called",
        "name",
        re.compile(
            r"\b(?i:called|paged|telephoned|notified|informed|contacted|spoke with|phoned|told|page|contact|call) (?:(?i:nurse|resident|NP|PA|RN) )?(?=[A-Z])"
        ),
        reach=told,
    ),
    Rule(
        "word of who was told",
        "name",
        re.compile(rf"\b(?i:{_TOLD})(?: \w+){{0,4}}? (?:with|to|by) (?P<it>[A-Z][a-z]{{2,}})\b"),
        sure=False,
        fits=_is_name,
    ),
    Rule("name of family or nurse", "name", re.compile(rf"\b(?i:{_KIN}),? (?=[A-Z])"), reach=kin),
    Rule(
        "name after patient",
        "name",
        re.compile(r"\b(?:[Pp]atient|[Pp]t\.?|PATIENT(?=[^(\n]{3,30} ?\()) (?=[A-Z])"),
        reach=told,
    ),
    Rule(
        "name before an age",
        "name",
        re.compile(r",? ?\(?(?=(?:age |aged )?\d{1,3}[ -]?(?:years?[ -]old|y/?o|yrs?)\b)", re.IGNORECASE),
        sure=False,
        reach=before_degree,
    ),
    Rule("name of I", "name", re.compile(r"\bI, (?=[A-Z])"), reach=leading),
    Rule(
        "age over 89",
        "age",
        re.compile(
            r"(?<![\d.,/])\b(?P<it>9\d|1[0-2]\d)(?=[- ]?(?:years?|yrs?|y\.?/?o\b|yr\b|[FM]\b)(?! (?:ago|prior|earlier)))",
            re.IGNORECASE,
        ),
    ),
    Rule(
        "age over 89 after a word for it",
        "age",
        re.compile(r"\b(?i:aged?)(?i: of)?[: ]+(?P<it>9\d|1[0-2]\d)\b(?!\+|\s?(?:%|cm|mm|days?|weeks?|months?))"),
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
    Rule("bed", "record number", re.compile(r"\b(?i:bed) ?(?:#|no\.? ?|number )?(?P<it>\d{1,3}[A-Z]?)\b")),
    Rule(
        "hospital",
        "hospital",
        re.compile(
            rf"\b(?P<it>(?:(?:(?i:St)\.|[A-Z][\w'’&-]*)(?: (?i:of the|of|and|for|the|on))? ){{1,5}}{_HOUSE}(?: (?i:of|at|in) (?i:the )?(?!(?i:{_MONTH})\b){_CITY})?)(?![\w])"
        ),
        reach=_place,
    ),
    Rule(
        "hospital of somebody",
        "hospital",
        re.compile(rf"\b(?P<it>(?i:Hospital|Clinic|Infirmary) (?i:of|for) (?i:the )?{_CITY})"),
        reach=_place,
    ),
    Rule(
        "university",
        "hospital",
        re.compile(
            rf"\b(?P<it>University of {_CITY}(?: {_HOUSE})?|[A-Z][a-z]+(?: [A-Z][a-z]+)? University(?: {_HOUSE})?)"
        ),
    ),
    Rule(
        "letters of a hospital",
        "hospital",
        re.compile(
            r"\b(?:[Tt]ransferred|[Tt]ransfer|[Pp]resented|[Aa]dmitted|admitted|seen|treated|imaged|hospitali[sz]ed|discharged|arranged|performed|done|obtained|requested|received|records) (?:to|from|at) (?P<it>[A-Z]{2,6}(?:[ -][A-Z][a-z]\w+)?)\b"
        ),
        sure=False,
        fits=lambda m: m["it"] not in _UNITS,
    ),
    Rule(
        "street",
        "address",
        re.compile(
            rf"(?<![\d/.-])\b(?P<it>\d{{1,5}}[A-Z]? (?:(?:[A-Z][\w.'-]*|\d{{1,3}}(?:st|nd|rd|th|ST|ND|RD|TH)) ){{1,4}}?{_STREET}\b\.?(?:,? ?(?:(?i:Apt|Apartment|Suite|Ste|Unit|Flat)\.? ?#?|#) ?\w+)?(?:,? {_CITY})?(?:,? {_REGION})?)"
        ),
    ),
    Rule("post box", "address", re.compile(r"\b(?P<it>P\.?\s?O\.? Box \d+)", re.IGNORECASE)),
    Rule(
        "city and state",
        "address",
        re.compile(
            rf"\b(?P<it>{_CITY}, (?:(?i:{_STATE_NAMES})(?: \d{{5}}(?:-\d{{4}})?)?|(?:{_STATES}) \d{{5}}(?:-\d{{4}})?))\b"
        ),
        fits=_is_name,
        reach=_city,
    ),
    Rule(
        "city after a word for it",
        "address",
        re.compile(rf"\b(?i:from|lives in|living in|residing in|resident of|visiting|of) (?P<it>{_CITY}, {_REGION})"),
        fits=_is_name,
    ),
    Rule("state and code", "address", re.compile(rf"\b(?P<it>(?:{_STATES}) \d{{5}}(?:-\d{{4}})?)\b")),
    Rule(
        "home",
        "address",
        re.compile(rf"\b(?i:lives|living|resides|residing|resident) (?i:in|at|of) (?P<it>{_CITY}(?:, [A-Z][a-z]+)?)"),
        fits=_is_name,
    ),
)
