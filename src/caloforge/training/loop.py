"""Begin or resume the training of any model in its run directory."""

from contextlib import ExitStack
from pathlib import Path

from caloforge.claims import claim
from caloforge.errors import InputError
from caloforge.files import check_writable
from caloforge.showers import Showers
from caloforge.showers.domain import Domain
from caloforge.showers.stored import AnyShowers
from caloforge.training.adapt import describe_start
from caloforge.training.config import TrainingConfig
from caloforge.training.devices import SINGLE, Group
from caloforge.training.distill import describe_teacher
from caloforge.training.picking import Scorer
from caloforge.training.run import TrainingFolder, load_state
from caloforge.training.separation import check_separate, fingerprint
from caloforge.training.summary import TrainingSummary
from caloforge.training.trainer import Listener, Trainer


def train(
    config: TrainingConfig,
    training: AnyShowers,
    selection: Showers,
    run: Path,
    *,
    scorer: Scorer | None = None,
    group: Group = SINGLE,
    listener: Listener | None = None,
    resume: bool = False,
    quiet: bool = False,
) -> TrainingSummary:
    """Train a model in its run directory.

    On a CPU, a resumed training gives the same bits as an unbroken one with the same number of threads.

    Args:
        config: model and schedule.
        training: showers to learn from, in memory or in files.
        selection: other showers of the same detector, by which the weights are selected.
        run: folder that is created, or continued with `resume`.
        scorer: judge for `select = "auc"`.
        group: processes that train together, each of which is given the same showers.
        listener: called with each line of losses.jsonl once its checkpoint is written. An exception that it raises ends
            the training, which a resumed one continues.
        resume: whether to continue from the last checkpoint, if there is one.
        quiet: whether to hide the progress bar.

    Raises:
        InputError: the showers overlap, are too few or belong to different detectors; the folder holds another training
            or another process trains in it; or `select = "auc"` has no judge.
        RunError: the loss is not finite, and the last checkpoint is kept; or no held-out loss was finite.
    """
    _check(training, selection)
    if config.training.select == "auc" and scorer is None:
        raise InputError('select = "auc" needs a judge: train with `caloforge run` or `train`, or give a `scorer`')
    with ExitStack() as claimed:
        if group.is_leader:
            check_writable(run.parent)
            run.mkdir(exist_ok=True)
            claimed.enter_context(claim(run))
            _open(config, training, selection, run, resume=resume)
        group.broadcast(1)  # the others wait until the folder describes the training
        folder = TrainingFolder(run)
        trainer = Trainer(config, training, selection, folder, scorer, group, listener)
        try:
            if resume and folder.has_begun:
                trainer.restore(load_state(folder.checkpoint_file))
            return trainer.run(quiet=quiet)
        finally:
            trainer.batches.close()


def _check(training: AnyShowers, selection: Showers) -> None:
    if training.detector != selection.detector:
        names = f"'{training.detector.name}' and '{selection.detector.name}'"
        raise InputError(f"training and selection showers belong to different detectors, {names}")
    if len(training) < 2 or len(selection) < 1:
        raise InputError(f"{len(training)} training and {len(selection)} selection showers are too few")
    check_separate(training, selection)


def _open(config: TrainingConfig, training: AnyShowers, selection: Showers, run: Path, *, resume: bool) -> None:
    folder, teacher = TrainingFolder(run), describe_teacher(config)
    if folder.config_file.exists() and not resume:
        raise InputError(f"{run} already holds a training; resume it or give another folder")
    if folder.config_file.exists() and folder.config != config:
        raise InputError(f"{run} holds a training with another config; give another folder")
    if folder.provenance_file.exists():
        begun = folder.provenance["training"]
        if begun["fingerprint"] != fingerprint(training, selection):
            raise InputError(f"{run} holds a training with other showers; give another folder")
        if begun.get("teacher") != teacher:
            raise InputError(f"{run} was begun with another teacher than the one in {config.teacher}; "
                             "give another folder")  # fmt: skip
    if not folder.is_described:
        folder.describe(config, Domain.of_showers(training), training, selection, teacher, describe_start(config))
