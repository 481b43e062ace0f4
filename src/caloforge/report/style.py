"""The look of all figures: mplhep's ROOT style, ink in the page's text colour, each kept as SVG, PDF and JSON."""

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

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
WIDTH, HEIGHT = 10.0, 8.2  # inches of a panel with its ratio; the page scales them down, the fonts of ROOT's style too
LEFT, RIGHT = 0.17, 0.955  # shares of the width; half of a tick's label fits beside the axes
BOTTOM, POWER = 1.03, 0.45  # inches below, and above for the power of ten of the ticks
LARGEST, LEGIBLE, MOST_LETTERS = 21.0, 15.0, 30  # sizes [pt] and number of the letters of a sample's name
LETTER, MARKER = 0.62, 3.2  # width of a letter, and of a line with its gaps, in sizes of letters
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
    "xtick.major.pad": 10,  # else the first label meets that of the lowest tick in y
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
    """

    labels: Labels
    svg: str
    pdf: str
    data: str


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


def panels(names: list[str]) -> tuple[Canvas, Axes, Axes]:
    """Axes of values, and of their ratios to Geant4 below, under a legend of the samples."""
    space = legend_space(names)
    height = HEIGHT + space
    canvas = Canvas(figsize=(WIDTH, height))
    grid = canvas.add_gridspec(2, 1, height_ratios=(2.7, 1), hspace=0.06, left=LEFT, right=RIGHT,
                               bottom=BOTTOM / height, top=1 - (POWER + space) / height)  # fmt: skip
    top = canvas.add_subplot(grid[0, 0])
    bottom = canvas.add_subplot(grid[1, 0], sharex=top)
    top.tick_params(labelbottom=False)
    legend(canvas, names)
    return canvas, top, bottom


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


def legend(canvas: Canvas, names: list[str], left: float = LEFT) -> None:
    """Samples at the top of a figure, in `legend_space` inches."""
    tint = colours(names)
    lines = [Line2D([], [], color=tint[name], linestyle=dashes(name), linewidth=3) for name in names]
    handles = [
        Patch(color=BAND, alpha=0.5) if name == REFERENCE else line for name, line in zip(names, lines, strict=True)
    ]
    columns, size = _legend_layout(names, left)
    canvas.legend(handles, [plain(shortened(name)) for name in names], ncols=columns, loc="upper left", fontsize=size,
                  bbox_to_anchor=(left, 1.0), borderaxespad=0.1, borderpad=0, columnspacing=1.0, handlelength=1.6,
                  handletextpad=0.5, labelspacing=0.25)  # fmt: skip


def legend_space(names: list[str], left: float = LEFT) -> float:
    """Height [inches] of a legend of samples."""
    columns, size = _legend_layout(names, left)
    return -(-len(names) // columns) * 1.3 * size / 72 + 0.05


def shortened(name: str, most: int = MOST_LETTERS) -> str:
    """A name of at most so many letters: its beginning and its end."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most - most // 2) :]}"


def _legend_layout(names: list[str], left: float) -> tuple[int, float]:
    """Columns and size of letters [pt]: as few lines as let the letters be legible."""
    width, lengths = 72 * WIDTH * (0.99 - left), [len(shortened(name)) for name in names]
    for columns in range(len(names), 0, -1):
        longest = [max(part) for part in np.array_split(lengths, columns)]  # as matplotlib shares them out
        size = min(LARGEST, width / sum(LETTER * letters + MARKER for letters in longest))
        if size >= LEGIBLE:
            break
    return columns, size


def finish(canvas: Canvas, labels: Labels, data: Any) -> Figure:
    """The figure with its files; equal numbers give equal bytes."""
    with mpl.rc_context({"svg.hashsalt": labels.name}):
        svg = _saved(canvas, "svg", ("Creator", "Date", "Format", "Type"))
        pdf = _saved(canvas, "pdf", ("Creator", "CreationDate", "Producer"))
    canvas.clear()
    numbers = json.dumps(data, separators=(",", ":")).encode()
    return Figure(labels, inline(svg.decode(), labels.title), uri("application/pdf", pdf),
                  uri("application/json", numbers))  # fmt: skip


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
