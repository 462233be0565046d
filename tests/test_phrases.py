"""The phrase language: what a phrase matches, in which text, and which phrases are refused."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranscore.errors import InputError
from ranscore.phrases import check_phrase, compile_phrase, normalize


def found(phrase: str, text: str) -> list[str]:
    """The matched passages, as they stand in the text's normal form."""
    normal = normalize(text)
    return [normal[m.start : m.end] for m in compile_phrase(phrase).find(normal)]


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("effusion", "Bilateral EFFUSION."),
        ("effusion", "bilateral effusions"),
        ("effusion", "the effusion's size"),
        ("opacity", "multiple opacities"),
        ("mass", "two masses"),
        ("blunt*", "blunting of the angle"),
        ("blunt*", "a blunt angle"),
        ("pleural effusion", "pleural\neffusion is seen"),
        ("ground glass", "ground-glass opacity"),
        ("x-ray", "chest X ray"),
        ("effusion/fluid", "pleural fluid"),
        ("(pleural fluid/effusion) (left/right)", "pleural fluid left"),
        ("apical? cap", "a cap"),
        ("apical? cap", "an apical cap"),
        ("small? left? apical cap", "left apical cap"),
        ("small? left? apical cap", "small apical cap"),
        ("(on the)? left", "on the left"),
        ("air in the (left/right)? chest", "air in the chest"),
        ("fluid ... small? fissure", "fluid tracks along the fissure"),
        ("fluid ... small? fissure", "fluid in a small fissure"),
        ("tube tip", 'the "tube" tip'),
        ("tube tip", "tube / tip"),
        ("ratio ... 0.5*", "a cardiothoracic ratio of about 0.58"),
        ("marking & line", "no markings beyond the line"),
        ("line & marking", "no markings beyond the line"),
        ("实变", "右下肺实变影"),
        ("胸腔积液", "胸腔 积液"),
        ("肋膈角 ... (变钝/消失)", "右侧肋膈角明显变钝"),
        ("(右/左)(侧)?胸腔积液", "右胸腔积液"),
        ("(右/左)(侧)?胸腔积液", "左侧胸腔积液"),
        ("心胸比 ... 0.5*", "心胸比约为0.55"),
        ("kerley b线", "可见Kerley B线"),
        ("实变？", "右下肺实变？"),
        ("ct值", "CT值升高"),
    ],
)
def test_a_phrase_is_found(phrase: str, text: str) -> None:
    """Each sign of the language matches what its description says."""
    assert len(found(phrase, text)) == 1


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("effusion", "transeffusion"),
        ("effusion", "effusionlike"),
        ("effusion", ""),
        ("mi", "mis"),
        ("ett", "better"),
        ("ett", "ettb"),
        ("blunt", "blunted"),
        ("opacity", "opacit"),
        ("pleural effusion", "pleural. Effusion"),
        ("pleural effusion", "pleural small effusion"),
        ("pleural effusion", "effusion pleural"),
        ("apical? cap", "apical pleura"),
        ("(pleural fluid/effusion) left", "pleural left"),
        ("fluid ... fissure", "fluid. The fissure"),
        ("fluid ... fissure", "fissure and fluid"),
        ("marking & line", "Markings are normal. A line is seen."),
        ("marking & line", "markings only"),
        ("肋膈角 ... 变钝", "肋膈角清晰，左膈变钝"),
        ("肋膈角 & 变钝", "肋膈角清晰。变钝"),
        ("胸腔积液", "胸腔未见积液"),
        ("实变？", "右下肺实变。"),
        ("(气胸/ptx)", "aptx"),
        ("胸 ... ptx", "胸片见aptx"),
    ],
)
def test_a_phrase_is_not_found_elsewhere(phrase: str, text: str) -> None:
    """Part of a word, another order, another sentence or a missing part is no match."""
    assert found(phrase, text) == []


@pytest.mark.parametrize(("between", "matches"), [(0, 1), (1, 1), (6, 1), (7, 0), (12, 0)])
def test_a_gap_spans_at_most_six_words(between: int, matches: int) -> None:
    """Zero to six words may stand in a gap, commas do not matter, a seventh ends it."""
    text = " ".join(["fluid", *["in,"] * between, "fissure"])
    assert len(found("fluid ... fissure", text)) == matches


@pytest.mark.parametrize(("between", "matches"), [(0, 1), (10, 1), (11, 0)])
@pytest.mark.parametrize("phrase", ["fluid & fissure", "fissure & fluid"])
def test_an_and_spans_at_most_ten_words(phrase: str, between: int, matches: int) -> None:
    """Both parts stand in either order with up to ten words in between."""
    text = " ".join(["fluid", *["in"] * between, "fissure"])
    assert len(found(phrase, text)) == matches


@pytest.mark.parametrize(("phrase", "reach"), [("肋膈角 ... 变钝", 8), ("肋膈角 & 变钝", 16), ("变钝 & 肋膈角", 16)])
def test_a_chinese_gap_spans_characters(phrase: str, reach: int) -> None:
    """A gap spans up to 8 characters, `&` up to 16, and not one more."""
    assert len(found(phrase, f"肋膈角{'稍' * reach}变钝")) == 1
    assert found(phrase, f"肋膈角{'稍' * (reach + 1)}变钝") == []


def test_a_match_tells_its_gaps_and_its_core() -> None:
    """The core is what the phrase names, without the words in its gaps."""
    text = normalize("The heart is now mildly enlarged.")
    (match,) = compile_phrase("heart ... enlarged").find(text)
    assert text[match.start : match.end] == "heart is now mildly enlarged"
    assert [text[a:b] for a, b in match.gaps] == [" is now mildly "]
    assert [text[a:b] for a, b in match.core()] == ["heart", "enlarged"]


def test_all_matches_are_given_from_left_to_right() -> None:
    """Several places in one text are several matches."""
    assert found("nodule/mass", "A mass, a nodule; two masses.") == ["mass", "nodule", "masses"]


@pytest.mark.parametrize(
    ("phrase", "fault"),
    [
        ("", "a word is missing"),
        ("   ", "a word is missing"),
        ("a & ", "a word is missing"),
        ("& a", "a word is missing"),
        ("()", "a word is missing"),
        ("a (b/)", "a word is missing"),
        ("/a", "a word is missing"),
        ("a & b & c", "'&' does not fit here"),
        ("(a & b) c", "not closed"),
        ("(a/b", "not closed"),
        ("a)", "does not fit here"),
        ("a ...", "stands at the end"),
        ("(a ...) b", "stands at the end"),
        ("... a", "stands at the start"),
        ("...", "'...' stands"),
        ("a?", "everything in it is optional"),
        ("a? (b c)?", "everything in it is optional"),
        ("a//b", "is not a word"),
        ("a/", "is not a word"),
        ("*", "is not a word"),
        ("ple*ral", "is not a word"),
        ("---", "is not a word"),
        ('the "sail" sign', "quotation mark"),
        ("the “sail” sign", "quotation mark"),
    ],
)
def test_a_phrase_that_is_wrong_in_form_is_refused(phrase: str, fault: str) -> None:
    """The error names the phrase, the fault and where the language is explained."""
    with pytest.raises(InputError) as raised:
        compile_phrase(phrase)
    assert repr(phrase) in str(raised.value)
    assert fault in str(raised.value)
    assert "ranscore guide phrases" in str(raised.value)
    with pytest.raises(InputError) as checked:
        check_phrase(phrase)
    assert str(checked.value) == str(raised.value)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="ab肺 /()?*&.…\"'\n", max_size=24) | st.text(max_size=24), st.text(max_size=60))
def test_any_text_is_a_phrase_or_refused_and_matches_inside_one_sentence(phrase: str, text: str) -> None:
    """Whatever a person types is compiled or an InputError; a match is never empty and never crosses a sentence."""
    normal = normalize(text)
    try:
        compiled = compile_phrase(phrase)
    except InputError:
        return
    check_phrase(phrase)
    for match in compiled.find(normal):
        assert match.start < match.end
        assert "\n" not in normal[match.start : match.end]


# A second implementation: phrases as lists of parts, texts as lists of words, tried one by one.


@dataclass(frozen=True)
class Part:
    """One or several wordings, of which one must stand there unless `optional`; `gap` before it."""

    wordings: tuple[tuple[str, ...], ...]
    optional: bool = False
    gap: bool = False

    def written(self) -> str:
        """The part in the phrase language."""
        body = f"({'/'.join(' '.join(words) for words in self.wordings)})"
        return ("... " if self.gap else "") + body + ("?" if self.optional else "")


def ends(parts: list[Part], words: list[str], at: int, gap: bool = False) -> set[int]:
    """All places where the parts may end that begin at a place; `gap` is one that a part left out leaves behind."""
    if not parts:
        return {at}
    first, rest = parts[0], parts[1:]
    gap = gap or first.gap
    result: set[int] = set()
    if first.optional:
        result |= ends(rest, words, at, gap) if rest else {at}
    for begin in range(at, at + 7 if gap else at + 1):
        for wording in first.wordings:
            if tuple(words[begin : begin + len(wording)]) == wording:
                result |= ends(rest, words, begin + len(wording))
    return result


WORDS = ("ab", "cd", "ef")
wordings = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(tuple), min_size=1, max_size=2)
part = st.builds(Part, wordings.map(tuple), st.booleans(), st.booleans())


def usable(parts: list[Part]) -> bool:
    """What the language allows, less a gap beside a trailing part that may be left out (it has no end of its own)."""
    required = [i for i, p in enumerate(parts) if not p.optional]
    return bool(required) and not parts[0].gap and not any(p.gap for p in parts if p.optional)


@settings(deadline=None, max_examples=120)
@given(
    st.lists(part, min_size=1, max_size=4).filter(usable),
    st.lists(st.sampled_from((*WORDS, "xx")), max_size=14),
)
def test_a_phrase_matches_where_trying_one_by_one_does(parts: list[Part], words: list[str]) -> None:
    """The compiled pattern finds something exactly where a naive search over words does."""
    phrase, text = " ".join(p.written() for p in parts), " ".join(words)
    expected = any(end > at for at in range(len(words)) for end in ends(parts, words, at))
    assert bool(found(phrase, text)) == expected, (phrase, text)


@pytest.mark.parametrize("text", ["a x c", "a c", "a b c", "a x b c", "a x x x x x x c"])
def test_a_gap_stays_when_the_part_after_it_is_left_out(text: str) -> None:
    """`a ... b? c` is `a ... c` where b is missing."""
    assert found("a ... b? c", text) == [text]


def test_a_gap_before_a_missing_part_still_ends() -> None:
    """Seven words are too many with or without the part that may be left out."""
    assert found("a ... b? c", "a x x x x x x x c") == []


# Normal form.


@settings(deadline=None, max_examples=200)
@given(st.text() | st.text(alphabet="Ab.;?!\n\r\t -–1）（：，。；３ＡİßǅΣ肺", max_size=40))
def test_the_normal_form_keeps_every_place(text: str) -> None:
    """It has the text's length, so that a place in one is the same place in the other."""
    assert len(normalize(text)) == len(text)


def test_the_normal_form_folds_case_hyphens_and_full_width_signs() -> None:
    """Reports written in many ways are read in one."""
    assert normalize("ILL-defined, “X–ray”; ＣＴ３（右）：５％　Ａ") == 'ill defined, "x ray"\n ct3(右):5% a'


def sentences(text: str) -> list[str]:
    """The sentences of a text in normal form, without the space around them."""
    return [line.strip() for line in normalize(text).split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion. Small nodule.", ["no effusion", "small nodule"]),
        ("No effusion; small nodule", ["no effusion", "small nodule"]),
        ("No effusion.Small nodule.", ["no effusion", "small nodule"]),
        ("Is there a nodule? No.", ["is there a nodule?", "no"]),
        ("Base opacity ?pneumonia", ["base opacity ?pneumonia"]),
        ("A 3.5 cm nodule, 1.25 mm away.", ["a 3.5 cm nodule, 1.25 mm away"]),
        ("Seen by Dr. Smith with approx. 3 cm, e.g. here.", ["seen by dr. smith with approx. 3 cm, e.g. here"]),
        ("Clear of T12. Normal.", ["clear of t12", "normal"]),
        ("Film of J. Smith is clear.", ["film of j. smith is clear"]),
        ("1. No effusion.\n2. Nodule.", ["1", "no effusion", "2", "nodule"]),
        ("1) no effusion\n2) nodule", ["1) no effusion", "2) nodule"]),
        ("- no effusion\n- nodule", ["no effusion", "nodule"]),
        ("* no effusion\n• nodule", ["* no effusion", "• nodule"]),
        ("(a) no effusion\n(b) nodule", ["(a) no effusion", "(b) nodule"]),
        ("no evidence of\neffusion or nodule", ["no evidence of effusion or nodule"]),
        ("No evidence of\nKerley lines", ["no evidence of kerley lines"]),
        ("No effusion,\nNodule or mass", ["no effusion, nodule or mass"]),
        ("No effusion\nSmall nodule", ["no effusion", "small nodule"]),
        ("NO LARGE LEFT\nEFFUSION", ["no large left effusion"]),
        ("Fall\nFINDINGS\nsmall nodule", ["fall", "findings small nodule"]),
        ("no effusion\n\nsmall nodule", ["no effusion", "small nodule"]),
        ("no effusion\r\nor nodule", ["no effusion  or nodule"]),
        ("no effusion\nlungs: nodule", ["no effusion", "lungs: nodule"]),
        ("未见积液。右肺结节；心影增大", ["未见积液", "右肺结节", "心影增大"]),
        ("未见积液\n右肺结节", ["未见积液", "右肺结节"]),
        ("结节约3.5cm，边界清。", ["结节约3.5cm,边界清"]),
        ("右肺结节.左肺正常.", ["右肺结节", "左肺正常"]),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    """Stops, items, headings and empty lines end a sentence; decimals, abbreviations and wrapped lines do not."""
    assert sentences(text) == expected


@pytest.mark.parametrize("heading", ["影像所见：", "诊断:", "印象 ：", "影像学诊断意见："])
@pytest.mark.parametrize("before", ["答：present", "x", "CT 2", "双肺清晰"])
def test_a_chinese_heading_starts_anew_whatever_stands_before(heading: str, before: str) -> None:
    """A line that opens with two to eight Chinese characters and a colon is no wrap, also after Latin letters."""
    assert normalize(f"{before}\n{heading}左侧气胸").split("\n")[0] == normalize(before)


@pytest.mark.parametrize("line", ["左侧气胸", "左侧气胸一二三四五六：", "气：", "a影像所见："])
def test_other_lines_after_latin_letters_are_wraps_as_before(line: str) -> None:
    """Without a heading of that length the line goes on."""
    assert "\n" not in normalize(f"大小约 3 x 4 cm\n{line}左侧")


def test_a_long_line_is_wrapped_also_before_a_capital() -> None:
    """A line as long as a page is wide goes on in the next line, whatever that begins with."""
    text = "There is no focal airspace disease, no large collection and no\nSwan catheter"
    assert len(sentences(text)) == 1


def test_the_same_phrase_gives_the_same_matches_whatever_was_compiled_before() -> None:
    """Matching depends on phrase and text alone."""
    phrases = ["fluid ... fissure", "nodule/mass", "胸腔积液", "a? b c"]
    text = "Fluid in the fissure, a mass, b c. 右侧胸腔积液"
    first = [found(p, text) for p in phrases]
    order = list(range(len(phrases)))
    random.Random(0).shuffle(order)
    compile_phrase.cache_clear()
    again = {i: found(phrases[i], text) for i in order}
    assert [again[i] for i in range(len(phrases))] == first
    assert all(first)


def test_spaces_between_chinese_and_other_characters_hide_nothing() -> None:
    """A word of both is found spaced as well, whatever else stands in the text."""
    for text in ("c 反应", "c反 应", "c 反 应", "c反应"):
        assert found("c反应", text) == [text]
        assert found("c反应", f"No effusion. {text}") == [text]
    assert found("c反应", "c 反 映") == []


# The normal form, by its rules one character at a time.

SIGNS = dict(zip("‐‑‒–—-_’‘“”，：（）％／！．？\u3000\t\r", "       ''\"\",:()%/!.?   ", strict=True))
SHORT = r"(?:\b(?:dr|mr|mrs|ms|vs|approx|no|st|fig|e\.g|i\.e|cf|ca|resp|lt|rt)|\b[a-z])$"


def folded(char: str) -> str:
    """A character less case, width and kind of hyphen or quotation mark."""
    if "０" <= char <= "ｚ" and chr(ord(char) - 0xFEE0).isalnum():
        return chr(ord(char) - 0xFEE0).lower()
    low = char.lower()
    return SIGNS.get(char, low if len(low) == 1 else char)


def stops(text: str, at: int) -> bool:
    """True for a full stop that ends a sentence."""
    before, after = text[max(0, at - 8) : at], text[at + 1 : at + 2]
    if after.isalnum() and not re.match(r"[\u3400-\u9fff\uf900-\ufaff]", after):
        return bool(re.search(r"[a-z]{4}$", before) and re.match(r"[a-z]{2}", text[at + 1 : at + 3]))
    return not (re.search(SHORT, before) and after == " ")


PARTS = [
    ". ", ".", " dr", "dr.", "?", "? ", "approx. ", "e.g. ", "a.", "1.", "12. ", "the", "heart", "。", "，", "气胸",
    "；", "!", "！", "？", "_", "-", "\t", "İ", "ß", "É", "５", "Ａ", "NO", "abcd", "ab", ";", " ", "²", "…",
    "mrs.", "xapprox. ", "Σ", "fig. ",
]  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PARTS) | st.characters(exclude_characters="\n"), max_size=14).map("".join))
def test_one_line_is_normalized_character_by_character(text: str) -> None:
    """Folding, and a new line for each stop and for a space after a question mark; the length stays."""
    plain = "".join(map(folded, text))
    expected = "".join(
        "\n" if c in "!;。；！" or (c == "." and stops(plain, i)) or (c == " " and plain[i - 1 : i] == "?") else c
        for i, c in enumerate(plain)
    )
    assert normalize(text) == expected
