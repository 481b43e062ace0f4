"""The run directory of a training, with everything that is needed to rebuild, judge and export the model.

It holds config.toml, detector.toml, domain.json, provenance.json, pace.json (number of steps), checkpoint.pt,
losses.jsonl, events.out.tfevents.0.caloforge (for TensorBoard), response.json (the unmatched response), and the best
averaged weights with the fitted transforms: best.pt during the training, model.pt from its end on.
"""

import io
import json
import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch

import caloforge
from caloforge.config import read_file
from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.files import read_text, replacing, write_text
from caloforge.models import Model, build
from caloforge.showers import Showers
from caloforge.showers.domain import Domain
from caloforge.showers.stored import AnyShowers
from caloforge.training.config import TrainingConfig
from caloforge.training.separation import fingerprint


@dataclass(frozen=True)
class RunFolder:
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
        told = self.pace_file, self.losses_file, self.events_file
        return (*described, *told, self.checkpoint_file, self.response_file, self.model_file)

    @cached_property
    def config(self) -> TrainingConfig:
        """Config of the training."""
        config: TrainingConfig = read_file(TrainingConfig, self.config_file)
        return config

    @cached_property
    def detector(self) -> Detector:
        """The detector."""
        return Detector.load(str(self.detector_file))

    @cached_property
    def domain(self) -> Domain:
        """Particles and ranges of the training incidents."""
        return Domain.build(self._json(self.domain_file), str(self.domain_file))

    @cached_property
    def response(self) -> dict[str, Any]:
        """Unmatched response; empty if it was not measured."""
        return self._json(self.response_file) if self.response_file.exists() else {}

    @cached_property
    def pace(self) -> dict[str, Any]:
        """Steps of the training, and the device and threads with which it began; empty if there is no such file."""
        return self._json(self.pace_file) if self.pace_file.exists() else {}

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, seed, number and origin of the showers."""
        return self._json(self.provenance_file)

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            values = json.loads(read_text(path))
        except (OSError, ValueError):
            raise InputError(f"cannot read {path}; {self.path} is not the folder of a training") from None
        return values if isinstance(values, dict) else {}

    def describe(
        self,
        config: TrainingConfig,
        domain: Domain,
        training: AnyShowers,
        selection: Showers,
        teacher: dict[str, Any] | None = None,
        start: dict[str, Any] | None = None,
    ) -> None:
        """Write the files that exist before the first step; the config is written last and marks them as complete."""
        write_text(self.detector_file, training.detector.toml)
        write_text(self.domain_file, domain.model_dump_json(indent=1))
        provenance = _provenance(config, training, selection)
        if teacher is not None:
            provenance["training"]["teacher"] = teacher
        if start is not None:
            provenance["training"]["adapted_from"] = start
        write_text(self.provenance_file, json.dumps(provenance, indent=1))
        write_text(self.config_file, tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)))


def _provenance(config: TrainingConfig, training: AnyShowers, selection: Showers) -> dict[str, Any]:
    return {
        "versions": {
            "caloforge": caloforge.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "training": {
            "n_showers": len(training),
            "n_selection": len(selection),
            "seed": config.training.seed,
            "fingerprint": fingerprint(training, selection),
            "showers": training.provenance,
            "selection": selection.provenance,
        },
    }


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain values, whole or not at all."""
    content = io.BytesIO()  # torch would end the Python process if the disk failed
    torch.save(state, content)
    with replacing(path) as beside:
        beside.write_bytes(content.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Read tensors and plain values without running code that the file may hold.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(f"no such file: {path}") from None
    except Exception as error:
        reason = (str(error).splitlines() or ["it is empty"])[0]
        raise InputError(f"cannot read {path}: {reason}") from None
    return state


def check_trained(folder: Path) -> Path:
    """The training directory of a run directory, or the directory itself if it is one.

    Raises:
        InputError: there is no training that has ended.
    """
    for place in (folder / "training", folder):
        if RunFolder(place).model_file.is_file():
            return place
    raise InputError(f"{folder} is not a run directory with a finished training; train it first")


def load_model(run: Path) -> Model:
    """The trained model of a run directory, ready to sample.

    Raises:
        InputError: the folder is not that of a training, or it is damaged.
    """
    folder = RunFolder(run)
    model = build(folder.config.model, folder.detector, folder.domain)
    try:
        model.load_state_dict(load_state(folder.model_file))
    except RuntimeError as error:
        raise InputError(f"{folder.model_file} does not fit {folder.config_file}: {str(error)[:200]}") from None
    return model.eval()
