"""Draw the charts of a report as SVG, by Matplotlib.

It is maintained, needs no script in the page, prints as it is seen, and its text stays text, so
that the reader's own fonts show Japanese. Series differ by grey and hatch, not by colour alone, and
bars have their numbers, so that a copy in black and white can be read. The same numbers give the
same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

from .errors import Error
from .untrusted import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDTH: Final = 6.4  # inches; a phone shows 72 points of it as 40 pixels
_FONT: Final = 11
_NAME: Final = 42  # columns of text that fit beside a bar's number
# Of each series: colour, hatch. Dark to light, so that they differ in grey as well.
STYLES: Final = (
    ("#1f3d5c", ""), ("#5b8db8", "///"), ("#c9d6df", "\\\\\\"), ("#ffffff", ""),
    ("#8a6d3b", "xx"), ("#b9a06a", "---"), ("#e3d6b3", "|||"), ("#777777", ""), ("#eeeeee", "++"),
)  # fmt: skip
_ID: Final = re.compile(r' id="([^"]+)"')
_USED: Final = re.compile(r'(?:url\(#|href="#)([^")]+)')


def stacked(
    name: str, title: str, keys: Sequence[str], series: Sequence[tuple[str, Sequence[float]]]
) -> str:
    """Return columns side by side, one a key, the series on top of each other, with a legend."""
    figure, axes = _axes(4.0)
    from matplotlib.ticker import MaxNLocator

    base = [0.0] * len(keys)
    places = range(len(keys))
    for (label, values), (colour, hatch) in zip(series, STYLES, strict=False):
        axes.bar(
            places, values, 0.8, bottom=base, label=_plain(label, 30), color=colour, hatch=hatch,
            edgecolor="#333333", linewidth=0.6,
        )  # fmt: skip
        base = [low + value for low, value in zip(base, values, strict=True)]
    every = -(-len(keys) // 12)
    if len(keys) <= 12:
        for place, height in zip(places, base, strict=True):
            axes.text(place, height, f"{height:,.0f}", ha="center", va="bottom", fontsize=_FONT)
    shown = [place for place in places if place % every == 0]
    turned = len(keys) > 6
    axes.set_xticks(shown, [keys[place] for place in shown], rotation=60 if turned else 0,
                    ha="right" if turned else "center", rotation_mode="anchor")  # fmt: skip
    axes.set_ylim(0, max(base, default=0) * 1.12 or 1)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    rows = -(-len(series) // 3)
    figure.subplots_adjust(left=0.09, right=0.99, top=1 - 0.075 * rows - 0.02,
                           bottom=0.2 if turned else 0.09)  # fmt: skip
    figure.legend(loc="upper left", ncols=3, frameon=False, fontsize=_FONT,
                  borderaxespad=0.2, handlelength=1.6)  # fmt: skip
    return _svg(figure, name, title)


def bars(name: str, title: str, rows: Sequence[tuple[str, float, float]]) -> str:
    """Return bars from left to right, each below its name: all of it, and a part of it hatched."""
    figure, axes = _axes(0.25 + 0.52 * len(rows))
    most = max((whole for _, whole, _ in rows), default=0) or 1
    for place, (label, whole, part) in enumerate(rows):
        at = -place
        axes.barh(at, whole, 0.42, color=STYLES[2][0], edgecolor="#333333", linewidth=0.6)
        if part:
            axes.barh(at, part, 0.42, color=STYLES[1][0], hatch=STYLES[1][1], edgecolor="#333333",
                      linewidth=0.6)  # fmt: skip
        axes.text(0, at + 0.27, _plain(label, _NAME), fontsize=_FONT, va="bottom")
        number = f"{part:,.0f} / {whole:,.0f}" if part else f"{whole:,.0f}"
        axes.text(whole + most * 0.01, at, number, fontsize=_FONT, va="center")
    axes.set_xlim(0, most * 1.22)
    axes.set_ylim(-len(rows) + 0.6, 0.85)
    axes.set_axis_off()
    figure.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.005)
    return _svg(figure, name, title)


def _axes(height: float) -> tuple[Figure, Axes]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Error(f'charts need {error.name}: run pip install "rirdex[casework]"') from None
    figure = Figure(figsize=(_WIDTH, height))
    axes = figure.add_subplot()
    axes.tick_params(labelsize=_FONT, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _plain(text: str, most: int) -> str:
    """Return a label that fits, without what Matplotlib takes for mathematics."""
    shown: list[str] = []
    used = 0
    for char in one_line(text, 200):
        used += 2 if east_asian_width(char) in "WF" else 1
        if used > most:
            return "".join(shown).replace("$", r"\$") + "…"
        shown.append(char)
    return "".join(shown).replace("$", r"\$")


def _svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as an element for a page: as wide as there is room, with a name."""
    import matplotlib as mpl

    target = io.StringIO()
    with (
        mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}),
        warnings.catch_warnings(),
    ):
        # It looks for glyphs that it will not draw itself.
        warnings.filterwarnings("ignore", "Glyph ", UserWarning)
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    text = target.getvalue()
    text = text[text.index("<svg") :].rstrip("\n")
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    used = set(_USED.findall(text))
    text = _ID.sub(lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", text)
    text = _USED.sub(lambda match: match[0].replace(match[1], f"{name}-{match[1]}"), text)
    head, mark, rest = text.partition(">")
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    label = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return f'{head} role="img" aria-label="{label}"{mark}{rest}'
