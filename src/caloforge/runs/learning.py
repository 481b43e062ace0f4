"""The training of a run, on one device or several."""

from functools import partial
from typing import TYPE_CHECKING

from caloforge.runs import preflight
from caloforge.showers import Showers
from caloforge.showers.stored import open_showers
from caloforge.training import TrainingSummary
from caloforge.training import train as learn
from caloforge.training.devices import Group, follower_command, joined_group, process_group

if TYPE_CHECKING:
    from caloforge.runs.run import Run


def train(run: "Run") -> None:
    """Train the model of a run on its devices, resuming from its checkpoint."""
    with process_group(run.devices, follower_command(run.paths.config, run.folder)) as group:
        summary = _train(run, group)
    run.console.print(summary.line)
    if summary.remark:
        run.console.print(f"Warning: {summary.remark}")


def join(run: "Run") -> None:
    """Take part in the training that another process leads."""
    with joined_group() as group:
        _train(run, group)


def _train(run: "Run", group: Group) -> TrainingSummary:
    group.broadcast(1)  # the showers are there when the leader comes here
    schedule, paths = run.learning.training, run.paths
    scorer = partial(area, run.config.seed) if schedule.select == "auc" else None
    with open_showers(paths.showers("train"), run.detector, whole=schedule.buffer is None) as training:
        return learn(run.learning, training, run.showers("select"), paths.training, scorer=scorer,
                     listener=run.listener, group=group, resume=True, quiet=run.console.quiet)  # fmt: skip


def area(seed: int, reference: Showers, drawn: Showers) -> float:
    """AUC of boosted trees on features that tell generated showers from Geant4's."""
    from caloforge.validation.judges import judge

    members, folds = ("trees_features",), preflight.SELECTION_FOLDS
    return judge(reference, drawn, seed=seed, folds=folds, members=members, curve=()).auc.mean
