"""One look for all figures: Okabe and Ito's colours, a shape and a grey beside each, the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any

from ranscore.figures._evidence import Kind
from ranscore.figures._tables import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#767676"
PALE, RULE = "#E8E8E8", "#C4C4C4"
WIDTH = 7.4  # inches between the margins of an A4 page
FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei")


@dataclass(frozen=True)
class Mark:
    """How a series is drawn; the shape alone tells it from the others."""

    shape: str
    colour: str
    filled: bool = True

    def options(self, size: float = 5.0) -> dict[str, Any]:
        """The keywords that matplotlib takes for markers."""
        face = self.colour if self.filled else "white"
        return {
            "marker": self.shape, "color": self.colour, "markerfacecolor": face, "markeredgecolor": self.colour,
            "markersize": size, "markeredgewidth": 1.1, "linestyle": "none",
        }  # fmt: skip


KIND_MARKS: dict[Kind, Mark] = {
    "seed": Mark("^", GREY, filled=False),
    "tuned-on": Mark("o", VERMILLION, filled=False),
    "cross-validated": Mark("s", BLUE),
    "applied": Mark("D", BLUE),
    "labels": Mark("D", BLUE),
}
SYSTEM_MARKS = (
    Mark("s", BLUE), Mark("o", VERMILLION, filled=False), Mark("^", GREEN), Mark("D", PURPLE, filled=False),
    Mark("v", BLACK), Mark("P", ORANGE, filled=False), Mark("X", SKY),
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A figure with its file's name, title, alternative text and data; `draw` makes it."""

    name: str
    title: str
    alt: str
    table: Table
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Drawn:
    """A picture as files: SVG and PNG, the same bytes for the same picture, and the SVG to stand in a page."""

    picture: Picture
    svg: bytes
    png: bytes
    inline: str


@lru_cache(maxsize=1)
def _settings() -> Any:
    from matplotlib import font_manager

    known = set(font_manager.get_font_names())
    return {
        "font.family": [name for name in FONTS if name in known] or ["sans-serif"], "font.size": 8.5,
        "axes.titlesize": 8.5, "axes.labelsize": 8.5, "xtick.labelsize": 8, "ytick.labelsize": 8,
        "legend.fontsize": 8, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
        "xtick.major.width": 0.6, "ytick.major.width": 0.6, "text.parse_math": False, "svg.hashsalt": "ranscore",
        "svg.fonttype": "path", "figure.dpi": 100, "axes.axisbelow": True, "axes.unicode_minus": True,
        "hatch.linewidth": 0.6, "path.simplify": False,
    }  # fmt: skip


def render(picture: Picture) -> Drawn:
    """The picture drawn and saved, without matplotlib's global state."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_settings())
        figure = picture.draw()
        svg = _saved(figure, format="svg", metadata={"Date": None, "Creator": None, "Title": picture.title})
        png = _saved(figure, format="png", dpi=200, metadata={"Software": None, "Description": picture.alt})
    return Drawn(picture, svg, png, _inline(svg.decode("utf-8"), picture))


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, bbox_inches="tight", pad_inches=0.04, **options)
    return buffer.getvalue()


def _inline(svg: str, picture: Picture) -> str:
    """The SVG as an element of a page: its ids made its own, its name and description for those who hear it."""
    own = picture.name
    body = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r"<title>.*?</title>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="', f'id="{own}-', body).replace('xlink:href="#', f'href="#{own}-')
    body = body.replace("url(#", f"url(#{own}-")
    opening, rest = body.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    width = re.search(r'width="([\d.]+)pt"', opening)
    head = (
        f'<svg {box[0] if box else ""} style="--width:{width[1] if width else 500}pt" role="img" '
        f'aria-labelledby="{own}-title {own}-desc"><title id="{own}-title">{escape(picture.title)}</title>'
        f'<desc id="{own}-desc">{escape(picture.alt)}</desc>'
    )
    return head + re.sub(r"<!--.*?-->\n?", "", rest, flags=re.DOTALL)


def make_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure of some inches, large enough for a legend and one row."""
    from matplotlib.figure import Figure

    return Figure(figsize=(max(width, 4.4), max(height, 2.0)), layout="constrained")


def name_rows(axes: Axes, names: Sequence[str], grid: bool = True) -> None:
    """One row a name from the top down, with a faint band behind every other row."""
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    if grid:
        for row in range(0, len(names), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="#F5F5F5", linewidth=0, zorder=0)


def put_legend(figure: Figure, entries: Sequence[tuple[str, Mark]]) -> None:
    """The series by shape and colour, above the figure."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=label, **mark.options(6)) for label, mark in entries]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(4, len(handles)), frameon=False)


def span(axes: Axes, low: float, high: float, row: float, colour: str) -> None:
    """An interval as a line with ends."""
    axes.plot([low, high], [row, row], color=colour, linewidth=1.2, solid_capstyle="butt", zorder=2)
    for end in (low, high):
        axes.plot([end, end], [row - 0.1, row + 0.1], color=colour, linewidth=1.0, zorder=2)


def lower_bound(values: Sequence[float], step: float = 0.1, least: float = 0.0) -> float:
    """A round number below all values."""
    return max(least, step * int(min([1.0, *values]) / step - 1e-9)) if values else least
