"""The study of a search, which gives trials to processes and takes back those of processes that died.

One process at a time takes a trial, under the claim of the search's folder, and holds a claim of its own on the trial
until it has ended. A running trial that no living process holds is lost: the next process takes it up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.claims import Claim, claim, is_held
from caloforge.errors import InputError
from caloforge.processes import Process
from caloforge.runs.config import RunConfig
from caloforge.search.config import SearchConfig
from caloforge.search.space import Space, Values
from caloforge.search.storage import open_storage, quiet, storage_name
from caloforge.seeds import sequence

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

MOST_LOST = 3  # processes that one trial may lose before it counts as failed
STARTUP = 10  # trials that TPE draws at random
FINGERPRINT, SHOWERS = "search", "showers"  # attributes of a study
WORKER, LOST, REASON = "worker", "lost", "reason"  # attributes of a trial


@dataclass(frozen=True)
class ClaimedTrial:
    """A trial that this process works on.

    Attributes:
        trial: the trial of Optuna.
        values: values of the config, by dotted path.
        claim: this process's claim on the trial.
        resumed: whether another process has begun it and died.
    """

    trial: "optuna.Trial"
    values: Values
    claim: Claim
    resumed: bool

    @property
    def number(self) -> int:
        """Number of the trial; 0 is the config as given."""
        return self.trial.number


class SharedStudy:
    """An Optuna study that several processes work on.

    Args:
        space: space of the search.
        folder: folder of the search.
        storage: file or URL; None for the journal in the folder.
    """

    def __init__(self, space: Space, folder: Path, storage: str | None) -> None:
        self.space, self.folder, self.storage = space, folder, storage
        self.study: optuna.Study

    @property
    def name(self) -> str:
        """Name of the study in its storage, the run's."""
        return self.space.given.name

    def open(self, identity: str, showers: str | None) -> None:
        """Open the study, and create it if there is none.

        Args:
            identity: identity of the search, which no other search has.
            showers: fingerprint of its training and selection showers; None if they have been checked.

        Raises:
            InputError: the storage cannot be opened, holds another search of this name, or has lost this one, or the
                showers have changed.
        """
        import optuna

        storage, known = self._look()
        with quiet():
            if known:
                self.study = optuna.load_study(storage=storage, study_name=self.name, pruner=pruner(self.space.search))
            else:
                self._check_no_trials()
                directions = [optuna.study.StudyDirection.MINIMIZE] * len(self.space.search.objectives)
                self.study = optuna.create_study(storage=storage, study_name=self.name, directions=directions,
                                                 pruner=pruner(self.space.search))  # fmt: skip
        found = self.study.user_attrs
        if FINGERPRINT not in found and not self.study.get_trials(deepcopy=False):
            self.study.set_user_attr(SHOWERS, showers)
            self.study.set_user_attr(FINGERPRINT, identity)
        elif found.get(FINGERPRINT) != identity:
            raise InputError(self._taken)
        elif showers not in (None, found.get(SHOWERS)):
            raise InputError(f"the showers of {self.folder} have changed since the search began; give another folder "
                             "with --out")  # fmt: skip

    def check_free(self) -> None:
        """Check that a storage outside of the folder has no study of this name, before anything is written.

        Raises:
            InputError: it has one, or cannot be opened.
        """
        if self.storage is not None and self._look()[1]:
            raise InputError(self._taken)

    def _look(self) -> "tuple[optuna.storages.BaseStorage, bool]":
        """The storage, and whether it has a study of this name."""
        import optuna

        storage = open_storage(self.storage, self.folder)
        with quiet():
            return storage, self.name in optuna.get_all_study_names(storage)

    @property
    def _taken(self) -> str:
        place = storage_name(self.storage, self.folder)
        return (f"the storage {place} holds another search called '{self.name}'; give another --storage, or the config "
                "another name")  # fmt: skip

    def _check_no_trials(self) -> None:
        if any((self.folder / "trials").glob("*")):
            place = storage_name(self.storage, self.folder)
            raise InputError(f"{self.folder} holds trials that the storage {place} does not know; the search began "
                             "with another, which --storage names, or needs another folder")  # fmt: skip

    def claimed(self) -> Claim:
        """Claim the folder of the search, after others, to take a trial or to write results."""
        return claim(self.folder, wait=True, say=lambda _: None)

    def trials(self) -> "list[FrozenTrial]":
        """All trials that have begun, by number."""
        from optuna.trial import TrialState

        found = self.study.get_trials(deepcopy=False)
        return [one for one in found if one.state != TrialState.WAITING]

    def running(self) -> "list[FrozenTrial]":
        """Trials that have begun and not ended."""
        return [one for one in self.trials() if not one.state.is_finished()]

    def ended(self) -> int:
        """Number of trials that have ended in any way."""
        return len(self.trials()) - len(self.running())

    def take(self, total: int) -> ClaimedTrial | None:
        """Resume a lost trial, or begin a new one; None if `total` have begun and running processes hold the rest."""
        with self.claimed():
            free = {one.number for one in self.running() if not is_held(self._claim_of(one.number))}
            for one in self.running():  # read anew: a trial that has just ended was released after that
                if one.number in free and (taken := self._take_again(one)):
                    return taken
            return self._take_new() if len(self.trials()) < total else None

    def _take_again(self, one: "FrozenTrial") -> ClaimedTrial | None:
        """Take up a trial whose process has stopped or died; None if too many died of it."""
        import optuna

        died = bool(one.user_attrs.get(WORKER))
        self._set_sampler(one.number)
        trial = optuna.Trial(self.study, one._trial_id)
        lost = int(one.user_attrs.get(LOST, 0)) + died
        trial.set_user_attr(LOST, lost)
        if lost >= MOST_LOST:
            self.fail(trial, f"{lost} processes died in it")
            return None
        return self._hold(trial, resumed=True)

    def _take_new(self) -> ClaimedTrial:
        number = len(self.trials())
        if number == 0 and not self.study.get_trials(deepcopy=False):
            self.study.enqueue_trial(self.space.default)
        self._set_sampler(number)
        with quiet():
            return self._hold(self.study.ask(), resumed=False)

    def _hold(self, trial: "optuna.Trial", *, resumed: bool) -> ClaimedTrial:
        held = claim(self._claim_of(trial.number), wait=True, say=lambda _: None)
        trial.set_user_attr(WORKER, Process.current().mark)
        with quiet():
            params = self.space.suggest(trial)
        return ClaimedTrial(trial, self.space.values(params), held, resumed)

    def _claim_of(self, number: int) -> Path:
        return self.trial_folder(number).with_suffix(".claim")

    def trial_folder(self, number: int) -> Path:
        """Run directory of a trial."""
        return self.folder / "trials" / f"{number:04d}"

    def trial_config(self, values: Values) -> RunConfig:
        """Config of a trial, whose showers are those of the search.

        Raises:
            InputError: the values do not fit together.
        """
        config = self.space.apply(values)
        shared = config.showers.model_copy(update={"folder": str(self.showers_folder)})
        return config.model_copy(update={"showers": shared})

    @property
    def showers_folder(self) -> Path:
        """Folder of the showers of all trials: the config's, if it names one."""
        return Path(self.space.given.showers.folder or self.folder / "showers").absolute()

    def _set_sampler(self, number: int) -> None:
        self.study.sampler = sampler(self.space.search, self.space.given.seed, number)

    def leave(self, taken: ClaimedTrial) -> None:
        """Let another process, or a resumed search, go on with a trial that this process was told to stop."""
        taken.trial.set_user_attr(WORKER, "")
        taken.claim.release()

    def finish(self, taken: ClaimedTrial, scores: Sequence[float], attributes: dict[str, Any]) -> None:
        """End a trial with its objectives, and with further figures as its attributes."""
        for key, value in attributes.items():
            taken.trial.set_user_attr(key, value)
        self.study.tell(taken.trial, list(scores))
        taken.claim.release()

    def prune(self, taken: ClaimedTrial) -> None:
        """End a trial early."""
        from optuna.trial import TrialState

        self.study.tell(taken.trial, state=TrialState.PRUNED)
        taken.claim.release()

    def fail(self, trial: "optuna.Trial", reason: str) -> None:
        """End a trial that cannot be done, with the reason."""
        from optuna.trial import TrialState

        trial.set_user_attr(REASON, reason)
        self.study.tell(trial, state=TrialState.FAIL)


def sampler(search: SearchConfig, seed: int, number: int) -> "optuna.samplers.BaseSampler":
    """Sampler of one trial, seeded by the seed of the search and the trial's number."""
    import optuna

    word = int(sequence(seed, number, "search").generate_state(1)[0])
    if search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=word)
    with quiet():
        return optuna.samplers.TPESampler(seed=word, n_startup_trials=STARTUP, multivariate=True, constant_liar=True)


def pruner(search: SearchConfig) -> "optuna.pruners.BasePruner":
    """Pruner by the median, or none."""
    import optuna

    return optuna.pruners.MedianPruner() if search.prune else optuna.pruners.NopPruner()
