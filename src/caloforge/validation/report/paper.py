"""A sheet to draw on that becomes SVG (ink in the page's text colour) and PDF alike, in a millisecond.

Drawn by ourselves since a figure costs matplotlib over a second of CPU time, and a report has seventy.
"""

import base64
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
INK = "ink"
INK_RGB = (0.1, 0.11, 0.13)
SMALL, SUBSCRIPT, SUPERSCRIPT = 0.72, -0.22, 0.38
# advance widths of Helvetica in 1/1000 of its size for the characters 32 to 126 (Adobe Core 14 AFM)
WIDTHS = [278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, *[556] * 10, 278, 278, 584,
          584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722,
          667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556,
          222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334,
          584]  # fmt: skip
SYMBOLS = {"φ": "f", "η": "h", "σ": "s", "θ": "q", "Δ": "D"}  # letters of PDF's Symbol font
LATIN = str.maketrans({"−": "–", "⟨": "<", "⟩": ">"})


@dataclass
class Paper:
    """A sheet of width x height points; the origin is the upper left corner."""

    width: float
    height: float
    _svg: list[str] = field(default_factory=list)
    _pdf: list[str] = field(default_factory=list)

    def line(self, points: Sequence[Point], colour: str, width: float, *, dash: str = "", alpha: float = 1) -> None:
        """An open line through points."""
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        opacity = f' stroke-opacity="{alpha:g}"' if alpha < 1 else ""
        self._svg.append(
            f'<path d="{_svg_path(points)}" fill="none" stroke="{_svg_colour(colour)}" stroke-width="{width:g}"'
            f"{dashes}{opacity}/>"
        )
        state = f"{_rgb(colour)} RG {width:g} w [{dash.replace(',', ' ')}] 0 d /A{round(alpha * 100)} gs"
        self._pdf.append(f"{state} {self._path(points)} S")

    def fill(self, polygons: Iterable[Sequence[Point]], colour: str, alpha: float = 1, *, crisp: bool = False) -> None:
        """Filled polygons of one colour; `crisp` ones meet without a seam."""
        polygons = list(polygons)
        opacity = f' fill-opacity="{alpha:g}"' if alpha < 1 else ""
        opacity += ' shape-rendering="crispEdges"' if crisp else ""
        path = "".join(_svg_path(p) + "z" for p in polygons)
        self._svg.append(f'<path d="{path}" fill="{_svg_colour(colour)}"{opacity}/>')
        drawn = " ".join(f"{self._path(p)} h" for p in polygons)
        self._pdf.append(f"{_rgb(colour)} rg /A{round(alpha * 100)} gs {drawn} f")

    def text(
        self, at: Point, text: str, size: float, anchor: Anchor = "middle", *, turned: bool = False, colour: str = INK
    ) -> None:
        """Text whose baseline is at a point; `_{..}` and `^{..}` lower and raise, `turned` reads upwards."""
        x, y = at
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        style = f'font-size="{size:g}" text-anchor="{anchor}" fill="{_svg_colour(colour)}"{turn}'
        self._svg.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{_svg_runs(text, size)}</text>')
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor] * text_width(text, size)
        up = self.height - y
        matrix = f"0 1 -1 0 {x:.2f} {up - shift:.2f}" if turned else f"1 0 0 1 {x - shift:.2f} {up:.2f}"
        self._pdf.append(f"BT {_rgb(colour)} rg /A100 gs {matrix} Tm {_pdf_runs(text, size)} ET")

    def clip(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draw only inside a rectangle until `unclip`."""
        box = f"{left:.1f} {self.height - bottom:.1f} {right - left:.1f} {bottom - top:.1f} re W n"
        self._pdf.append(f"q {box}")
        self._svg.append(
            f'<svg x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" '
            f'viewBox="{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}" overflow="hidden">'
        )

    def unclip(self) -> None:
        """End of a clipped part."""
        self._pdf.append("Q")
        self._svg.append("</svg>")

    def svg(self, title: str) -> str:
        """The sheet as SVG to stand inside a page."""
        label = title.replace("&", "and").replace('"', "'").replace("<", "(")
        return (f'<svg role="img" aria-label="{label}" viewBox="0 0 {self.width:g} {self.height:g}" '
                f'xmlns="http://www.w3.org/2000/svg">{"".join(self._svg)}</svg>')  # fmt: skip

    def pdf(self) -> bytes:
        """The sheet as a PDF of one page, with fonts that every reader has."""
        content = zlib.compress("\n".join(self._pdf).encode("cp1252", "replace"), 9)
        alphas = " ".join(f"/A{a} << /ca {a / 100:g} /CA {a / 100:g} >>" for a in sorted(self._alphas()))
        fonts = ("/H << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> "
                 "/S << /Type /Font /Subtype /Type1 /BaseFont /Symbol >>")  # fmt: skip
        page = (f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {self.width:g} {self.height:g}] /Contents 4 0 R "
                f"/Resources << /Font << {fonts} >> /ExtGState << {alphas} >> >> >>")  # fmt: skip
        stream = f"<< /Length {len(content)} /Filter /FlateDecode >>\nstream\n".encode() + content + b"\nendstream"
        return _pdf_file([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
                          page.encode(), stream])  # fmt: skip

    def _alphas(self) -> set[int]:
        return {int(a) for line in self._pdf for a in re.findall(r"/A(\d+) gs", line)}

    def _path(self, points: Sequence[Point]) -> str:
        (x, y), *rest = points
        return f"{x:.2f} {self.height - y:.2f} m " + " ".join(f"{a:.2f} {self.height - b:.2f} l" for a, b in rest)


def uri(kind: str, content: bytes) -> str:
    """A data URI."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def text_width(text: str, size: float) -> float:
    """Width of text set in Helvetica [points]."""
    return sum(_advance(part) * size * (SMALL if shift else 1) for part, shift in runs(text))


def _advance(text: str) -> float:
    return sum(WIDTHS[ord(c) - 32] if 32 <= ord(c) < 127 else 556 for c in text) / 1000


def runs(text: str) -> Iterator[tuple[str, float]]:
    """Parts of a text and how far they are raised, in sizes."""
    for part in re.split(r"([_^]\{[^}]*\})", text):
        if part[:2] in ("_{", "^{"):
            yield part[2:-1], SUBSCRIPT if part[0] == "_" else SUPERSCRIPT
        elif part:
            yield part, 0.0


def _svg_runs(text: str, size: float) -> str:
    parts, level = [], 0.0
    for part, shift in runs(text):
        safe = part.replace("&", "&amp;").replace("<", "&lt;")
        small = f' font-size="{SMALL * size:g}"' if shift else ""
        parts.append(f'<tspan dy="{(level - shift) * size:.1f}"{small}>{safe}</tspan>' if shift or level else safe)
        level = shift
    return "".join(parts)


def _pdf_runs(text: str, size: float) -> str:
    parts = []
    for part, shift in runs(text):
        for symbol, letters in groupby(part, SYMBOLS.__contains__):
            word = "".join(letters)
            shown = "".join(SYMBOLS[c] for c in word) if symbol else word.translate(LATIN)
            shown = re.sub(r"([()\\])", r"\\\1", shown)
            scale = SMALL if shift else 1
            parts.append(f"/{'S' if symbol else 'H'} {size * scale:g} Tf {shift * size:g} Ts ({shown}) Tj")
    return " ".join(parts)


def _svg_path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _svg_colour(colour: str) -> str:
    return "currentColor" if colour == INK else colour


def _rgb(colour: str) -> str:
    values = INK_RGB if colour == INK else tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return " ".join(f"{v:.3f}" for v in values)


def _pdf_file(objects: list[bytes]) -> bytes:
    body, offsets = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    end = (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(objects) + 1} /Root 1 0 R >>\n"
    )
    return body + end.encode() + f"startxref\n{len(body)}\n%%EOF\n".encode()
