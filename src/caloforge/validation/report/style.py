"""The look of all figures: mplhep's ROOT style, ink in the page's text colour, each kept as SVG, PDF and JSON."""

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import Any

from caloforge.errors import InputError

try:
    import matplotlib as mpl
    import mplhep
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ImportError as error:
    raise InputError(f"the report needs {error.name}; install the extra: caloforge[report]") from None

REFERENCE, FLOOR = "Geant4", "floor"
INK, BAND = "#1b1d22", "#8a919c"
PALETTE = ("#2a78d6", "#e2703a", "#12a07a", "#a952c8", "#c99700", "#0e9bb0", "#db4a7e", "#7a8b2a")
DASHED = (0, (3, 2))
WIDTH, HEIGHT = 10.0, 8.6  # inches of a panel with its ratio; the page scales them down, the fonts of ROOT's style too
LEFT, RIGHT, BOTTOM, TOP = 0.17, 0.97, 0.12, 0.89
INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
STYLE: Any = {
    **mplhep.style.ROOT,
    **dict.fromkeys(INKED, INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    "font.family": ["TeX Gyre Heros", "DejaVu Sans"],
    "mathtext.fallback": "stixsans",
    "svg.fonttype": "none",
    "axes.linewidth": 1.5,
    "axes.labelsize": "small",
    "axes.labelpad": 10,
    **dict.fromkeys(("xtick.minor.visible", "ytick.minor.visible"), False),  # half of the time to draw
    "axes.titley": 1.0,  # else matplotlib measures all labels once more
}


@dataclass(frozen=True)
class Labels:
    """What a figure is called, and in which section of the page it stands."""

    name: str
    title: str
    group: str


@dataclass(frozen=True)
class Figure:
    """One drawn figure.

    Attributes:
        labels: its name for files, its heading, its section.
        svg: inline SVG.
        pdf, data: data URIs of the PDF and of the numbers drawn, as JSON.
        columns: panels side by side; a figure of more than one spans the page.
    """

    labels: Labels
    svg: str
    pdf: str
    data: str
    columns: int = 1


def styled() -> Any:
    """Context in which figures are drawn and saved."""
    return mpl.rc_context(STYLE)


def colours(names: list[str]) -> dict[str, str]:
    """A colour per sample: grey for Geant4, ink for the floor, the palette for candidates."""
    candidates = [name for name in names if name not in (REFERENCE, FLOOR)]
    return {REFERENCE: BAND, FLOOR: INK} | {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(candidates)}


def dashes(name: str) -> Any:
    """Line style of a sample: the floor is dashed."""
    return DASHED if name == FLOOR else "-"


def typeset(text: str) -> str:
    """Text for matplotlib: words with `_{..}` or `^{..}` become formulas, dollars stay dollars."""
    return re.sub(r"\S*[_^]\{[^}]*\}", r"$\g<0>$", text.replace("$", r"\$"))


def plain(name: str) -> str:
    """A sample's name for matplotlib, which shows it letter by letter: no formula, no hidden label, one line."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
    return ("\N{ZERO WIDTH SPACE}" if shown.startswith("_") else "") + shown.replace("$", r"\$")


def panels(columns: int) -> tuple[Canvas, list[tuple[Axes, Axes]]]:
    """Pairs of axes side by side: values above, their ratios to Geant4 below."""
    canvas = Canvas(figsize=(WIDTH * columns, HEIGHT))
    between, right = (1 - RIGHT + LEFT) / (RIGHT - LEFT), 1 - (1 - RIGHT) / columns
    grid = canvas.add_gridspec(2, columns, height_ratios=(2.7, 1), hspace=0.06, wspace=between, left=LEFT / columns,
                               right=right, bottom=BOTTOM, top=TOP)  # fmt: skip
    pairs = []
    for column in range(columns):
        top = canvas.add_subplot(grid[0, column])
        bottom = canvas.add_subplot(grid[1, column], sharex=top)
        top.tick_params(labelbottom=False)
        pairs.append((top, bottom))
    return canvas, pairs


def finish_axes(top: Axes, bottom: Axes, x: str, y: str, compared: str) -> None:
    """Labels of a pair of axes, and few enough ticks to read."""
    top.set_ylabel(typeset(y))
    bottom.set_xlabel(typeset(x))
    bottom.set_ylabel(compared, loc="center", fontsize="small")
    bottom.locator_params(axis="y", nbins=4, prune="upper")
    for axes in (top, bottom):
        axes.minorticks_off()
        if axes.get_yscale() == "linear":
            axes.ticklabel_format(axis="y", scilimits=(-2, 4))
    if bottom.get_xscale() == "linear":
        bottom.locator_params(axis="x", nbins=5)


def legend(canvas: Canvas, names: list[str]) -> None:
    """Samples in one line above the axes, in letters small enough to fit."""
    tint = colours(names)
    lines = [Line2D([], [], color=tint[name], linestyle=dashes(name), linewidth=3) for name in names]
    handles = [
        Patch(color=BAND, alpha=0.5) if name == REFERENCE else line for name, line in zip(names, lines, strict=True)
    ]
    letters = sum(map(len, names)) + 5 * len(names)
    size = min(21.0, 72 * canvas.get_figwidth() / (0.56 * letters))
    left = canvas.axes[0].get_position().x0 if canvas.axes else 0
    canvas.legend(handles, [plain(name) for name in names], ncols=len(names), loc="upper left", fontsize=size,
                  bbox_to_anchor=(left, 1.0), borderaxespad=0.1, borderpad=0, columnspacing=1.2)  # fmt: skip


def finish(canvas: Canvas, labels: Labels, data: Any, columns: int = 1) -> Figure:
    """The figure with its files; equal numbers give equal bytes."""
    with mpl.rc_context({"svg.hashsalt": labels.name}):
        svg = _saved(canvas, "svg", ("Creator", "Date", "Format", "Type"))
        pdf = _saved(canvas, "pdf", ("Creator", "CreationDate", "Producer"))
    canvas.clear()
    numbers = json.dumps(data, separators=(",", ":")).encode()
    return Figure(labels, inline(svg.decode(), labels.title), uri("application/pdf", pdf),
                  uri("application/json", numbers), columns)  # fmt: skip


def _saved(canvas: Canvas, kind: str, hidden: tuple[str, ...]) -> bytes:
    file = io.BytesIO()
    canvas.savefig(file, format=kind, metadata=dict.fromkeys(hidden), dpi=100)
    return file.getvalue()


def inline(svg: str, title: str) -> str:
    """SVG to stand inside a page: no prolog, size or style of its own, ink in the page's text colour."""
    label = title.replace("&", "&amp;").replace('"', "'").replace("<", "&lt;")
    svg = re.sub(r"<style.*?</style>|<!--.*?-->| id=\"\w+_\d+\"|\n *", " ", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"([^>]*?)width="[^"]*"', r"<svg \1\2", svg, count=1)
    svg = svg.replace("'TeX Gyre Heros'", "'TeX Gyre Heros', Helvetica, Arial, 'Liberation Sans', sans-serif")
    return svg.replace(INK, "currentColor").replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def uri(kind: str, content: bytes) -> str:
    """A data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
