"""A training in MLflow: config, losses and rates, and at the end of a run its headline figures and report."""

import json
import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from caloforge.config import flat
from caloforge.errors import InputError
from caloforge.extras import check_installed
from caloforge.files import read_text, write_text
from caloforge.training.run import TrainingFolder

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "caloforge"
LOSS = "loss/training"  # figure that every evaluation has
DEFAULTS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_DISABLE_TELEMETRY": "true"}
MOST_PARAMS = 100  # values of a config that MLflow takes at once


class Tracker:
    """The MLflow run of one training; a resumed training continues it.

    Args:
        store: URI of MLflow's store or server, or a folder.
        folder: files of the training.
        processes: processes that train together.

    Raises:
        InputError: MLflow is not installed, or its store does not answer.
    """

    def __init__(self, store: str, folder: TrainingFolder, processes: int = 1) -> None:
        check_installed("mlflow")
        for name, value in DEFAULTS.items():
            os.environ.setdefault(name, value)
        self._store, self._folder = store, folder
        self._lost = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._client = _client(store)
                self._run = self._begun() or self._begin(processes)
                history = self._client.get_metric_history(self._run, LOSS)
        except Exception as error:  # of MLflow, its database driver or its web client
            raise InputError(f"MLflow cannot use [training] mlflow = '{_public(store)}': {_line(error)}") from None
        self._last = max((point.step for point in history), default=0)

    def _begun(self) -> str | None:
        """Identity of the MLflow run of an earlier process."""
        if not self._folder.mlflow_file.exists():
            return None
        run = str(json.loads(read_text(self._folder.mlflow_file))["run_id"])
        self._client.update_run(run, status="RUNNING")
        return run

    def _begin(self, processes: int) -> str:
        from mlflow.entities import Param

        path, config = self._folder.path, self._folder.config
        experiment = _experiment(self._client, self._store)
        name = path.parent.name if path.name == "training" else path.name
        run = str(self._client.create_run(experiment, run_name=name).info.run_id)
        values = flat(config.model_dump(mode="json", exclude_none=True, exclude={"training": {"mlflow"}}))
        training = self._folder.provenance["training"]
        values |= {"detector": self._folder.detector.name, "showers": training["n_showers"], "processes": processes}
        values |= {"threads": torch.get_num_threads()}
        params = [Param(key, str(value)) for key, value in values.items()]
        for start in range(0, len(params), MOST_PARAMS):
            self._client.log_batch(run, params=params[start : start + MOST_PARAMS])
        write_text(self._folder.mlflow_file, json.dumps({"run_id": run}))
        return run

    def tell(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the figures of an evaluation, unless an earlier process has logged them."""
        if step <= self._last:
            return

        def log() -> None:
            from mlflow.entities import Metric

            now = int(1000 * time.time())
            self._client.log_batch(self._run, metrics=[Metric(name, x, now, step) for name, x in numbers.items()])

        self._try(log)

    def end(self) -> None:
        """Mark the MLflow run as finished."""
        self._try(lambda: self._client.set_terminated(self._run))

    def report(self, figures: Mapping[str, float], report: Path) -> None:
        """Log the headline figures of a run, and the folder of its report."""

        def log() -> None:
            for name, value in figures.items():
                self._client.log_metric(self._run, name, value, step=self._last)
            self._client.log_artifacts(self._run, str(report), "report")
            self._client.set_terminated(self._run)

        self._try(log)

    def _try(self, work: Callable[[], None]) -> None:
        """Call MLflow; once it fails, warn and leave it alone, since no training should end for that."""
        if self._lost:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                work()
        except Exception as error:
            self._lost = True
            warnings.warn(f"MLflow at '{_public(self._store)}' gets no more figures: {_line(error)}", stacklevel=3)


def _client(store: str) -> "MlflowClient":
    from mlflow import MlflowClient

    if _is_folder(store):
        Path(store).mkdir(parents=True, exist_ok=True)
        return MlflowClient(tracking_uri=f"sqlite:///{Path(store).absolute() / 'mlflow.db'}")
    return MlflowClient(tracking_uri=store)


def _experiment(client: "MlflowClient", store: str) -> str:
    """Identity of the experiment, which is created if there is none; pictures of a folder's runs lie in the folder."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    if known := client.get_experiment_by_name(name):
        return str(known.experiment_id)
    place = (Path(store).absolute() / "artifacts" / name).as_uri() if _is_folder(store) else None
    return str(client.create_experiment(name, artifact_location=place))


def _is_folder(store: str) -> bool:
    return "://" not in store and store != "databricks"


def _public(store: str) -> str:
    """A store without a password."""
    start, _, place = store.rpartition("@")
    return f"{start.partition('://')[0]}://...@{place}" if start else store


def _line(error: Any) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
