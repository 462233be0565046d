"""Shows a guide."""

from __future__ import annotations

from typing import Annotated

import typer


def command(name: Annotated[str | None, typer.Argument(help="The guide's name; the list without one.")] = None) -> None:
    """Show a longer text: how to bring data, write phrases, read the numbers."""
    from pathlib import Path

    from ranscore.errors import UnknownNameError

    folder = Path(__file__).resolve().parent.parent / "guides"
    guides = {p.stem: p for p in sorted(folder.glob("*.md"))}
    if name is None:
        for stem, path in guides.items():
            typer.echo(f"{stem:<16} {path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}")
        return
    if name not in guides:
        raise UnknownNameError("guide", name, guides)
    typer.echo(guides[name].read_text(encoding="utf-8"))
