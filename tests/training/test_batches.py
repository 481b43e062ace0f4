"""Showers in blocks: the same batches from files and from memory, all showers once, exact after a kill, bounded."""

import numpy as np
import pytest
import torch

from caloforge.errors import InputError
from caloforge.showers import concatenate, write
from caloforge.showers.stored import StoredShowers
from caloforge.training import TrainingConfig, train
from caloforge.training.batches import BLOCK, BlockBatches, batches_of
from caloforge.training.run import TrainingFolder
from caloforge.training.separation import fingerprint
from caloforge.training.trainer import Trainer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def parts(small, toy):
    return [toy(small, n, seed=n, first_id=1000 * n) for n in (700, 300, 501)]


@pytest.fixture(scope="module")
def paths(parts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    for k, part in enumerate(parts):
        write(folder / f"{k}.h5", part)
    return [folder / f"{k}.h5" for k in range(len(parts))]


@pytest.fixture
def stored(paths):
    with StoredShowers(paths) as found:
        yield found


def test_rows_of_many_files_are_those_of_their_concatenation(stored, parts):
    whole = concatenate(parts)
    assert len(stored) == 1501
    for start, stop in ((0, 1501), (690, 710), (700, 1000), (699, 1001), (5, 5)):
        if stop > start:
            assert stored.read(start, stop) == whole[start:stop]
    assert stored.incidents == whole.incidents
    assert fingerprint(stored) == fingerprint(whole)


def numbers_of(blocks, draws):
    return [blocks.draw(k).incidents["energy"][:, 0].numpy().copy() for k in range(draws)]


@pytest.mark.parametrize("buffer", [100, 512, 5000])
def test_files_and_memory_give_the_same_batches(stored, parts, buffer):
    found = [BlockBatches(showers, 100, buffer, 7, CPU) for showers in (stored, concatenate(parts))]
    ours, theirs = (numbers_of(blocks, 40) for blocks in found)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert {len(a) for a in ours} == {100}
    assert found[0].sample() == found[1].sample()
    later = BlockBatches(stored, 100, buffer, 7, CPU)
    assert np.array_equal(later.draw(23).incidents["energy"][:, 0], ours[23])  # whatever was drawn before
    other = BlockBatches(stored, 100, buffer, 8, CPU)
    assert not np.array_equal(other.draw(0).incidents["energy"][:, 0], ours[0])
    for blocks in (*found, later, other):
        blocks.close()


@pytest.mark.parametrize(("size", "buffer"), [(100, 512), (64, 300), (256, 256), (1501, 9999), (9999, 9999)])
def test_an_epoch_has_each_shower_at_most_once_and_nearly_all(parts, size, buffer):
    whole = concatenate(parts)
    blocks = BlockBatches(whole, size, buffer, 1, CPU)
    draws = int(blocks._ends[-1])
    drawn = np.concatenate(numbers_of(blocks, draws))
    assert len(np.unique(drawn)) == len(drawn)
    assert len(drawn) > len(whole) - BLOCK - len(blocks._ends) * blocks.size
    second = np.concatenate([blocks.draw(draws + k).incidents["energy"][:, 0].numpy() for k in range(draws)])
    assert len(np.unique(second)) == len(second)
    assert not np.array_equal(drawn, second)
    blocks.close()


def test_two_buffers_are_in_memory_at_most(stored):
    blocks = BlockBatches(stored, 50, 300, 1, CPU)
    for number in range(60):
        blocks.draw(number)
        assert len(blocks._filled) <= 2
        assert sum(len(one.result()) for one in blocks._filled.values()) <= 2 * 300 + 256
    blocks.close()


def test_what_cannot_be_streamed_is_refused(stored):
    with pytest.raises(InputError, match="buffer = 50 is smaller than a batch of 100 showers"):
        BlockBatches(stored, 100, 50, 1, CPU)
    with pytest.raises(InputError, match=r"need \[training\] buffer"):
        batches_of(stored, 100, None, 1, CPU)
    with pytest.raises(InputError, match="no files"):
        StoredShowers([])


@pytest.mark.parametrize("kind", ["vae", "wgan-gp"])
def test_training_from_files_gives_the_same_bits(stored, parts, toy, small, tmp_path, monkeypatch, kind):
    """From memory, and killed in between; several draws a step, too."""
    selection, step = toy(small, 100, seed=9, first_id=99_000), Trainer._train_step
    schedule = {"steps": 8, "batch": 64, "evaluate_every": 2, "buffer": 300}
    config = TrainingConfig.build({"model": {"kind": kind, "latent": 4, "hidden": [8]}, "training": schedule}, "toy")
    train(config, stored, selection, tmp_path / "files", quiet=True)
    train(config, concatenate(parts), selection, tmp_path / "memory", quiet=True)

    def dying(trainer):
        if trainer.step == 5:
            raise KeyboardInterrupt
        return step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", dying)
        with pytest.raises(KeyboardInterrupt):
            train(config, stored, selection, tmp_path / "cut", quiet=True)
    train(config, stored, selection, tmp_path / "cut", resume=True, quiet=True)
    models = [TrainingFolder(tmp_path / run).model_file.read_bytes() for run in ("files", "memory", "cut")]
    assert models[0] == models[1] == models[2]
    random = TrainingConfig.build({"model": config.model.model_dump(), "training": schedule | {"buffer": None}}, "toy")
    train(random, concatenate(parts), selection, tmp_path / "random", quiet=True)
    assert TrainingFolder(tmp_path / "random").model_file.read_bytes() != models[0]
