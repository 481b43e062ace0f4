"""The directory of a training, with everything that is needed to rebuild, judge and export the model."""

import io
import json
import platform
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
from caloforge.training.paths import TrainingPaths
from caloforge.training.separation import fingerprint


class TrainingFolder(TrainingPaths):
    """Files of one training, and what they hold."""

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
        if TrainingFolder(place).model_file.is_file():
            return place
    raise InputError(f"{folder} is not a run directory with a finished training; train it first")


def load_model(run: Path) -> Model:
    """The trained model of a run directory, ready to sample.

    Raises:
        InputError: the folder is not that of a training, or it is damaged.
    """
    folder = TrainingFolder(run)
    model = build(folder.config.model, folder.detector, folder.domain)
    try:
        model.load_state_dict(load_state(folder.model_file))
    except RuntimeError as error:
        raise InputError(f"{folder.model_file} does not fit {folder.config_file}: {str(error)[:200]}") from None
    return model.eval()
