"""Paths of a training's directory, each named once; PyTorch is not needed to know them.

The directory holds config.toml, detector.toml, domain.json, provenance.json, pace.json (number of steps),
checkpoint.pt, losses.jsonl, events.out.tfevents.0.caloforge (for TensorBoard), response.json (the unmatched response),
and the best averaged weights with the fitted transforms: best.pt during the training, model.pt from its end on.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TrainingPaths:
    """Files of one training."""

    path: Path

    @property
    def config_file(self) -> Path:
        """Config with all defaults."""
        return self.path / "config.toml"

    @property
    def detector_file(self) -> Path:
        """The detector."""
        return self.path / "detector.toml"

    @property
    def domain_file(self) -> Path:
        """Particles and ranges of the training incidents."""
        return self.path / "domain.json"

    @property
    def provenance_file(self) -> Path:
        """Versions, seed, number and origin of the showers."""
        return self.path / "provenance.json"

    @property
    def checkpoint_file(self) -> Path:
        """State from which the training resumes."""
        return self.path / "checkpoint.pt"

    @property
    def best_file(self) -> Path:
        """Best averaged weights so far and fitted transforms."""
        return self.path / "best.pt"

    @property
    def model_file(self) -> Path:
        """Best averaged weights and fitted transforms of a training that has ended."""
        return self.path / "model.pt"

    @property
    def pace_file(self) -> Path:
        """Steps of the training, and the device and threads with which it began."""
        return self.path / "pace.json"

    @property
    def response_file(self) -> Path:
        """Unmatched response; null for a model without a response match."""
        return self.path / "response.json"

    @property
    def losses_file(self) -> Path:
        """One JSON line per evaluation."""
        return self.path / "losses.jsonl"

    @property
    def events_file(self) -> Path:
        """Losses, rates and pictures for TensorBoard, which recognises the file by its name."""
        return self.path / "events.out.tfevents.0.caloforge"

    @property
    def mlflow_file(self) -> Path:
        """Identity of the training's run in MLflow, if it is asked for."""
        return self.path / "mlflow.json"

    @property
    def is_described(self) -> bool:
        """Whether the files that exist before the first step are written."""
        return all(file.exists() for file in self.results[:4])

    @property
    def has_begun(self) -> bool:
        """Whether there are a checkpoint and the best weights up to it, so that the training can resume."""
        return self.checkpoint_file.is_file() and (self.best_file.is_file() or self.model_file.is_file())

    @property
    def results(self) -> tuple[Path, ...]:
        """All files of a training that has ended; the model is the last."""
        described = self.config_file, self.detector_file, self.domain_file, self.provenance_file
        progress = self.pace_file, self.losses_file, self.events_file
        return (*described, *progress, self.checkpoint_file, self.response_file, self.model_file)
