"""Words that end a name, and words that are names and ordinary words both."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a text, by its spaces."""
    return frozenset(re.findall(r"\S+", text))


PARTICLES = words("al bin da das de del della den der di dos el ibn la le mac san st ten ter van von")

# Grammar, headings, and what a report says beside names.
STOP = words(
    """
    presents presented presenting presentation attended acknowledged underwent denies complains states agreed
    agrees aware
    a about above access accession account acct acute addendum address adult after afternoon age aged ago all also
    am an and any ap approved approximately apt are as assistant at atelectasis attending authenticated axial back
    be because been before below bilateral birthdate bones brain but by call called can cardiomegaly care case
    catheter cc chart chest chief clear clinic clinical clinician communicated communication compared comparison
    comparisons conclusion confirmed consolidation consultant contact contacted conveyed copy correlate could
    created critical ct cxr date dated daughter day days department dept diagnosed diagnosis diagnostic dictated
    dictating dictator digital directly discharge discovery discussed division dob doctor document does dose during
    each ed edema edited effusion electronically emergency encounter end er evening exam examination examined
    examiner exams exposure fax fellow female film final finalized findings fluoroscopy follow following for from
    frontal gave gender given had has have he he's head heart her hers him his history home hospital hour hours
    house hr hrs i icu id if image images imaging immediately impression in including indication indications
    information informed inpatient institution interpretation interpreted into is it its job known lateral left line
    lines location long-standing lower lung lungs male manager may md me mediastinum medicaid medical medicare
    medicine message midnight min minute minutes mobile months morning mr mri mrn ms name negative new next night no
    none noon normal not notes notification notified number nurse nursing of office old on only or order ordered
    ordering our outpatient over pa page paged pager patient pending performed personally phone physician please pm
    pneumonia pneumothorax port portable positive practitioner preliminary primary prior procedure protocol provider
    pt pulmonary questions radiograph radiographs radiologist radiology read reading reason received recognition
    recommendation record records referred referring regarding relayed report reported reports request requested
    requesting requests resident result results results' review reviewed right room see sent series service sex she
    signature signed signing since software spoke spoken stable staff status studies study supine surgeon surgery
    team technician technique technologist tel telephone telephoned that the their them then there these they this
    those through time to today transcribed transcription transcriptionist transferred transporter tube typed unable
    unchanged under unit unknown unremarkable unspecified until upon upper urgent using verbal verbally verified via
    view views visit voice wanted ward was we weeks were wet when where whether which while who will with within
    without would x-ray xr xray year years yesterday yo you your
    """
)

# What is a name in one place and a word in another: such a name is not looked for again elsewhere in the text.
ORDINARY = STOP | words(
    """
    angel april art august autumn baker bass bay bear bell berry best bill bird black block bloom blue bond bone bow
    branch bridge bright brook brooks brown buck bull burn burns bush butler carpenter cash chance chase church clay
    close cloud cold cook cross curry dale dawn dean dear dee do drain drew early east faith fall field fields
    finger fish flow flowers foot ford forest fox frank free french frost gay gene glass gold golden good grace
    grant grave graves gray green grey gross hall hand hands hardy harm heath hill holder holly hood hope horn
    hunter ice ivory ivy jay jewel joy june justice key king knee knight lake lamb lane law leaf light lily little
    long lord love low mace major march mark marks marsh mason merry miles mills moody moon moor moss nail neck
    noble north oak olive pain park parks pat patience pearl penny plate pool poor pope porter powers price pride
    prince quick rain ray reed rice rich ridge ring rivers rob robin rock root rose rush rusty sandy savage sharp
    shell short silver small smart snow south spear spring sterling stern stone storm stout strange street strong
    summer summers swan sweet tender thorn tie tower trout vale valve van vein wall waters weak weaver wells west
    wheeler white wise wolf wood woods worth young
    """
)
