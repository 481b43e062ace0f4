"""Named runs: one directory holds showers, training, exported model, times and report."""

from caloforge.runs.config import RunConfig
from caloforge.runs.directory import RunDirectory
from caloforge.runs.run import Run, load

__all__ = ["Run", "RunConfig", "RunDirectory", "load"]
