"""Names to extensions, by files and by entry points."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ranscore
from ranscore.errors import InputError, UnknownNameError
from ranscore.registry import load, names

PACKAGE = Path(ranscore.__file__).parent
GROUPS = ("cli", "metrics", "models", "readers", "search")


@pytest.mark.parametrize("group", GROUPS)
def test_the_names_of_a_group_are_its_public_files(group: str) -> None:
    """Each file without a leading underscore is one name, with hyphens, and there is no other."""
    files = {p.stem.replace("_", "-") for p in (PACKAGE / group).glob("[!_]*.py")}
    assert names(group) == sorted(files)
    assert files


@pytest.mark.parametrize(("group", "name"), [(g, n) for g in GROUPS for n in names(g)])
def test_a_listed_name_is_the_module_of_that_file(group: str, name: str) -> None:
    """What a listing names can be loaded, and comes from the file of that name."""
    module = load(group, name)
    assert isinstance(module, ModuleType)
    assert module.__file__ == str(PACKAGE / group / f"{name.replace('-', '_')}.py")


def test_listing_imports_nothing() -> None:
    """Naming all extensions of all groups imports none of them and no library of theirs."""
    code = (
        "import sys\n"
        "from ranscore.registry import names\n"
        f"groups = {GROUPS!r}\n"
        "[names(g) for g in groups]\n"
        "heavy = ('dspy', 'optuna', 'pandas', 'numpy', 'typer', 'pydantic')\n"
        "print([m for m in sys.modules if m in heavy or m.startswith(tuple(f'ranscore.{g}' for g in groups))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.strip() == "[]"


def test_a_group_that_is_not_there_is_empty() -> None:
    """A folder that does not exist has no names, and loading from it is the usual error."""
    assert names("nothing") == []
    with pytest.raises(UnknownNameError, match="no nothing is called 'x'"):
        load("nothing", "x")


@pytest.mark.parametrize(
    ("group", "wrong", "right"),
    [("metrics", "kapa", "kappa"), ("models", "Lexical", "lexical"), ("search", "exemplar_tpe", "exemplar-tpe")],
)
def test_an_unknown_name_is_answered_with_the_nearest_ones(group: str, wrong: str, right: str) -> None:
    """The error names what was asked for and the name that was meant, and is a user's error."""
    with pytest.raises(UnknownNameError) as raised:
        load(group, wrong)
    assert repr(wrong) in str(raised.value)
    assert f"did you mean {right!r}" in str(raised.value)
    assert isinstance(raised.value, InputError)
    assert raised.value.exit_code == 2


def test_a_name_like_no_other_is_answered_with_all_of_them() -> None:
    """Where nothing is near, the error lists the group."""
    with pytest.raises(UnknownNameError) as raised:
        load("metrics", "zzzzzz")
    assert all(name in str(raised.value) for name in names("metrics"))


@pytest.mark.parametrize("name", ["_counts", "-counts", "__init__", "", "f1.compute", "../errors", "f1 "])
def test_private_modules_and_paths_are_no_names(name: str) -> None:
    """Only listed names load: no helper module, no dotted path, no neighbour's file."""
    assert name not in names("metrics")
    with pytest.raises(UnknownNameError):
        load("metrics", name)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=20))
def test_any_text_is_a_name_or_an_unknown_one(name: str) -> None:
    """No text that a user may give as a name ends in another error."""
    if name in names("readers"):
        assert load("readers", name)
    else:
        with pytest.raises(UnknownNameError):
            load("readers", name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Another distribution on the path that adds a metric, and one under a name that ranscore has."""
    info = tmp_path / "other_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-metrics\nVersion: 1.0\n", encoding="utf-8")
    lines = ["[ranscore.metrics]", "always-one = other_metrics:one", "f1 = other_metrics:one"]
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "other_metrics.py").write_text("class one:\n    compute = staticmethod(lambda counts: 1.0)\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("other_metrics", None)


def test_an_entry_point_of_another_distribution_is_an_extension(installed: Path) -> None:
    """Its name stands in the listing and loads its object, in its own group only."""
    assert "always-one" in names("metrics")
    assert "always-one" not in names("models")
    assert "other_metrics" not in sys.modules
    assert load("metrics", "always-one").compute(None) == 1.0


def test_an_entry_point_does_not_replace_a_module_of_the_package(installed: Path) -> None:
    """A name that ranscore has stays ranscore's, and is listed once."""
    assert names("metrics").count("f1") == 1
    assert load("metrics", "f1").__name__ == "ranscore.metrics.f1"


def test_without_that_distribution_its_name_is_unknown() -> None:
    """The listing depends on what is installed and on nothing else."""
    assert "always-one" not in names("metrics")
    with pytest.raises(UnknownNameError):
        load("metrics", "always-one")
