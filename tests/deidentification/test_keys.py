"""The key: made once, private, apart from the output, and checked."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from ranscore.deidentification import Key, open_key
from ranscore.errors import InputError


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    """A new key is random and readable by its owner alone; opened again it is the same."""
    made = open_key(tmp_path / "a" / "key")
    assert stat.S_IMODE((tmp_path / "a" / "key").stat().st_mode) == 0o600
    assert open_key(tmp_path / "a" / "key") == made
    assert open_key(tmp_path / "b" / "key") != made


def test_a_key_does_not_show_itself() -> None:
    """The secret stands in no text of the key."""
    shown = repr(Key(b"q#z" * 11))
    assert "q#z" not in shown
    assert b"q#z".hex() not in shown


def test_a_key_beside_the_output_is_refused(tmp_path: Path) -> None:
    """A key in the output's folder, also by another way there, is refused and not made."""
    (tmp_path / "sub").mkdir()
    for path in (tmp_path / "key", tmp_path / "sub" / ".." / "key"):
        with pytest.raises(InputError, match=r"another folder.*--key"):
            open_key(path, apart_from=tmp_path / "out.csv")
    assert not (tmp_path / "key").exists()


@pytest.mark.parametrize(
    "content", [b"", b"abc", b"zz" * 32, b"00" * 31, b"\xff\xfe", b"report_id,text\n1,Dr. Smith\n"]
)
def test_a_file_that_is_no_key_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    """Another file is refused in one sentence that does not show what it holds."""
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(InputError) as refused:
        open_key(tmp_path / "key")
    assert "is no key" in str(refused.value)
    assert "Smith" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_for_a_key_is_refused(tmp_path: Path) -> None:
    """A folder is no key's file."""
    with pytest.raises(InputError, match="a key's file"):
        open_key(tmp_path)


def test_a_key_knows_its_marks_of_ids() -> None:
    """An id's mark is known again by its key and by no other; an ordinary id is not."""
    key, other = Key(b"k" * 32), Key(b"o" * 32)
    marks = [key.id_mark("id", str(i)) for i in range(50)]
    assert len(set(marks)) == 50
    assert all(re.fullmatch(r"[A-Z2-7]{15}", m) and key.made(m) for m in marks)
    assert not any(other.made(m) for m in marks)
    assert not key.made("CXR-000000-0001")
    assert not key.made("")
