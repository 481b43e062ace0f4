"""A search in its folder, which is opened, worked on by any number of processes, and ended once."""

import json
import math
import secrets
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from caloforge.claims import claim
from caloforge.config import read_file
from caloforge.errors import InputError, RunError
from caloforge.files import check_creatable, check_lengths, read_text, write_text
from caloforge.runs import Run
from caloforge.runs.config import RunConfig
from caloforge.runs.directory import is_unused
from caloforge.runs.steps import execute
from caloforge.search.results import Results
from caloforge.search.schema import SearchFile
from caloforge.search.space import Space
from caloforge.search.storage import storage_name
from caloforge.search.study import SharedStudy
from caloforge.search.trial import check_selection, prepared
from caloforge.search.worker import Say, work, work_in_processes
from caloforge.showers.stored import open_showers
from caloforge.training.separation import fingerprint

STUDY_FILE = "study.json"
LAST_STEPS = ("timing", "validation")  # of the winner's run


@dataclass(frozen=True)
class Search:
    """A search for hyper-parameters in a folder.

    Attributes:
        space: the config as given, and the fields that vary.
        folder: folder of the search.
        storage: file or URL of the study; None for a journal file in the folder.
    """

    space: Space
    folder: Path
    storage: str | None = None

    @classmethod
    def load(cls, config: Path, folder: Path, storage: str | None = None) -> "Search":
        """A search from its config file.

        Raises:
            InputError: the config is inconsistent, or has no table `[search]` that can be searched.
        """
        given: RunConfig = read_file(RunConfig, config)
        return cls(Space.of(given, str(config)), folder.absolute(), storage)

    @cached_property
    def study(self) -> SharedStudy:
        """The study; it is opened by `open` or `attach`."""
        return SharedStudy(self.space, self.folder, self.storage)

    @cached_property
    def _config(self) -> dict[str, Any]:
        """The config as plain values, with the TOML text of the detector."""
        values = self.space.given.model_dump(mode="json", exclude_none=True)
        return {**values, "detector": self._default_run.detector.toml}

    @cached_property
    def _default_run(self) -> Run:
        """The run of the config as given, for its checks and its showers."""
        values = self.space.values(self.space.default)
        return prepared(self.study.trial_config(values), self.study.trial_folder(0))

    def open(self, *, resume: bool) -> None:
        """Begin the search, or join one in the same folder; its showers are made first.

        Raises:
            InputError: too few selection showers; a folder that holds another search, or other files, or one that is
                not to be resumed; a storage that cannot be opened or holds another search; or changed showers.
        """
        check_selection(self._default_run, self.space.search.recipe)
        check_lengths(self.study.trial_folder(0) / self._default_run.paths.model.name)
        if not (saved := self._check_folder(resume=resume)):
            self.study.check_free()
        check_creatable(self.folder.parent)
        self.folder.mkdir(parents=True, exist_ok=True)
        with claim(self.folder, wait=True):
            saved = self._check_folder(resume=resume) or saved
            (self.folder / "trials").mkdir(exist_ok=True)
            if not saved:
                saved = {
                    "id": secrets.token_hex(8),
                    "storage": storage_name(self.storage, self.folder),
                    "config": self._config,
                }
                write_text(self.folder / STUDY_FILE, json.dumps(saved, indent=1))
            self._make_showers()
            self.study.open(saved["id"], self._showers())

    def attach(self) -> SharedStudy:
        """The study of a search that another process has opened."""
        self.study.open(self._saved()["id"], None)
        return self.study

    def _check_folder(self, *, resume: bool) -> dict[str, Any]:
        """Content of study.json if the search may be continued; empty if the folder is new."""
        folder = self.folder
        if is_unused(folder):
            return {}
        if not (folder / STUDY_FILE).is_file():
            raise InputError(f"{folder} holds files that no search has made; give another folder with --out")
        if not resume:
            raise InputError(f"{folder} holds a search; --resume continues it, --out takes another folder")
        saved, config = self._saved(), self._config
        changed = sorted(key for key in {*saved["config"], *config} if saved["config"].get(key) != config.get(key))
        if changed:
            raise InputError(f"{folder} holds a search of another config ({', '.join(changed)}); give another folder "
                             "with --out")  # fmt: skip
        if saved["storage"] != (place := storage_name(self.storage, folder)):
            raise InputError(f"the search in {folder} began with the storage {saved['storage']}, not {place}")
        return saved

    def _saved(self) -> dict[str, Any]:
        try:
            saved: dict[str, Any] = json.loads(read_text(self.folder / STUDY_FILE))
            _ = saved["id"], saved["storage"], saved["config"].keys()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{self.folder / STUDY_FILE} is damaged; give another folder with --out") from None
        return saved

    def _make_showers(self) -> None:
        """Make or check the showers that all trials share."""
        self.study.showers_folder.mkdir(parents=True, exist_ok=True)
        self._default_run.steps[0].work()

    def _showers(self) -> str:
        """Fingerprint of the training and selection showers; the test showers are not read."""
        run = self._default_run
        with open_showers(run.paths.showers("train"), run.detector, whole=False) as training:
            return fingerprint(training, run.showers("select"))

    def run(self, trials: int, say: Say, *, workers: int = 1, timeout: float | None = None) -> SearchFile:
        """Work until so many trials have ended, write the results, and validate the winner once all have.

        Args:
            trials: number of trials in all, in whatever process; the first is the config as given.
            say: function that is called with lines on the progress.
            workers: processes on this machine.
            timeout: minutes after which no trial begins; None for no such limit.

        Raises:
            RunError: the processes ended before the trials, or none has succeeded.
        """
        deadline = math.inf if timeout is None else time.monotonic() + 60 * timeout
        if workers == 1:
            work(self.study, trials, deadline, say)
        else:
            work_in_processes(replace(self), trials, deadline, workers, say)
        found = self._end(trials, say)
        if found.ended < trials and time.monotonic() < deadline:
            raise RunError(f"{found.ended} of {trials} trials have ended, the workers too; --resume continues")
        return found

    def _end(self, trials: int, say: Say) -> SearchFile:
        """Write the results; the winner is validated on the test showers when no trial is left to do."""
        results = Results(self.study)
        with self.study.claimed():
            winner = results.winner()
            if (ended := self.study.ended()) < trials:
                say(f"{ended} of {trials} trials have ended; --resume goes on, then the winner is validated")
            elif winner is None:
                results.write(None)
                raise RunError("no trial has succeeded; search.json tells why")
            else:
                results.write(winner)  # the validation takes minutes
                self._validate(winner, say)
            return results.write(winner)

    def _validate(self, winner: int, say: Say) -> None:
        """Time and judge the winner on the test showers, as a run does; finished steps are kept."""
        trial = self.study.trials()[winner]
        run = prepared(self.study.trial_config(self.space.values(trial.params)), self.study.trial_folder(winner))
        steps = [step for step in run.steps if step.title in LAST_STEPS]
        with claim(run.folder):
            if not run.manifest.has([file for step in steps for file in step.results]):
                say(f"trial {winner} is the best: it is validated on the test showers")
            execute(steps, run.manifest, run.console, None)
