"""Microsoft Presidio as a second opinion: what its recognizers find goes to the list for a second look."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ranscore.errors import InputError

LEAST_SCORE = 0.4


def second_opinion() -> Callable[[str], Iterator[tuple[int, int, str]]]:
    """A function that gives start, end and kind of what Presidio finds in an English text.

    Raises InputError where the extra, or a spaCy model that it needs, is missing.
    """
    try:
        from presidio_analyzer import AnalyzerEngine
    except ImportError:
        raise InputError(
            "--presidio: presidio-analyzer is not installed; `pip install 'ranscore[deidentify]'` brings it."
        ) from None
    try:
        engine = AnalyzerEngine(nlp_engine=_nlp_engine(), supported_languages=["en"])
    except (OSError, ValueError, SystemExit) as fault:
        raise InputError(
            f"--presidio: spaCy's English model cannot be loaded ({fault!s:.120}); install one, for example "
            "`python -m spacy download en_core_web_sm`."
        ) from None

    def find(text: str) -> Iterator[tuple[int, int, str]]:
        for result in engine.analyze(text=text, language="en", score_threshold=LEAST_SCORE):
            yield result.start, result.end, result.entity_type.replace("_", " ").lower()

    return find


def _nlp_engine() -> object:
    """The first English model of spaCy that is installed; nothing is downloaded."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    names = [n for n in ("en_core_web_lg", "en_core_web_md", "en_core_web_sm") if spacy.util.is_package(n)]
    if not names:
        raise OSError("none of en_core_web_lg, en_core_web_md, en_core_web_sm is installed")
    settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": names[0]}]}
    return NlpEngineProvider(nlp_configuration=settings).create_engine()
