"""Microsoft Presidio as a second opinion: what its recognizers find goes to the list for a second look."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ranscore.errors import InputError

LEAST_SCORE = 0.4
MODEL = "RANSCORE_SPACY_MODEL"  # a name or a folder of a spaCy model
_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
# What asks the network for the list of domains; the rules find mail and web addresses.
_WITH_NETWORK = ("EmailRecognizer", "UrlRecognizer")


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
            f"--presidio: spaCy's English model cannot be loaded ({fault!s:.300}); install one, for example "
            f"`python -m spacy download en_core_web_sm`, or name its folder in {MODEL}."
        ) from None
    for name in _WITH_NETWORK:
        engine.registry.remove_recognizer(name)

    def find(text: str) -> Iterator[tuple[int, int, str]]:
        for result in engine.analyze(text=text, language="en", score_threshold=LEAST_SCORE):
            yield result.start, result.end, result.entity_type.replace("_", " ").lower()

    return find


def _nlp_engine() -> object:
    """The English model of spaCy that the environment names, else the first installed; nothing is downloaded."""
    import spacy
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    wanted = os.environ.get(MODEL)
    if wanted and not spacy.util.is_package(wanted) and not Path(wanted, "config.cfg").is_file():
        raise OSError(f"{MODEL} names {wanted!r}, which is no spaCy model")
    names = [wanted] if wanted else [n for n in _MODELS if spacy.util.is_package(n)]
    if not names:
        raise OSError(f"none of {', '.join(_MODELS)} is installed")
    settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": names[0]}]}
    return NlpEngineProvider(nlp_configuration=settings).create_engine()
