"""Samples and results of studies, and the writing of results."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from caloforge.detector import Detector
from caloforge.files import replacing, write_text
from caloforge.report.style import REFERENCE, Figure
from caloforge.showers import Showers


@dataclass(frozen=True)
class StudySamples:
    """Samples of a study.

    Attributes:
        reference: Geant4's showers.
        candidates: showers by name, for the same detector.
        training: Geant4's showers that candidates have learned from, if they are given.
    """

    reference: Showers
    candidates: dict[str, Showers]
    training: Showers | None = None

    @property
    def detector(self) -> Detector:
        """The detector of all samples."""
        return self.reference.detector

    @property
    def samples(self) -> dict[str, Showers]:
        """Geant4's showers first, then the candidates'."""
        return {REFERENCE: self.reference, **self.candidates}


@dataclass(frozen=True)
class Result:
    """Figures of a study and its table: column titles, and rows of text or numbers."""

    figures: list[Figure]
    columns: list[str]
    rows: list[list[str]]

    @property
    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    def write(self, folder: Path, name: str) -> list[Path]:
        """Write the table as NAME.md and NAME.json and each figure as SVG and PDF, and return the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / f"{name}.md", folder / f"{name}.json"]
        write_text(files[0], self.markdown + "\n")
        write_text(files[1], json.dumps([dict(zip(self.columns, row, strict=True)) for row in self.rows], indent=1))
        for figure in self.figures:
            files += [folder / f"{figure.labels.name}.{kind}" for kind in ("svg", "pdf")]
            write_text(files[-2], figure.svg.replace("currentColor", "black"))
            with replacing(files[-1]) as beside:
                beside.write_bytes(base64.b64decode(figure.pdf.partition(",")[2]))
        return files


def measured(value: float, error: float, digits: int = 4) -> str:
    """A number and its error as text."""
    return f"{value:.{digits}g} ± {error:.2g}"
