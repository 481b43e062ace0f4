"""TensorBoard's event files: what its reader needs, whatever kills or resumes the training."""

import struct
import zlib

import numpy as np
import pytest

from caloforge.training import TrainingConfig, train
from caloforge.training.events import EventFile, crc32c, record, records, step_of
from caloforge.training.picture import HEIGHT, LINE, png, profiles_picture
from caloforge.training.run import TrainingFolder
from caloforge.training.trainer import Trainer


def fields(data):
    """Fields of a protobuf message: number and value, in order."""
    found, place = [], 0

    def whole():
        nonlocal place
        value = shift = 0
        while True:
            byte, place_now = data[place], place + 1
            value |= (byte & 0x7F) << shift
            shift, place = shift + 7, place_now
            if byte < 0x80:
                return value

    while place < len(data):
        key = whole()
        kind = key & 7
        if kind == 0:
            value = whole()
        else:
            size = {1: 8, 5: 4}.get(kind) or whole()
            value, place = data[place : place + size], place + size
        found.append((key >> 3, value))
    return found


def summary(data):
    """Step, numbers and pictures of an event."""
    event = dict(fields(data))
    values = [dict(fields(value)) for _, value in fields(event[5])]
    numbers = {one[1].decode(): struct.unpack("<f", one[2])[0] for one in values if 2 in one}
    pictures = {one[1].decode(): dict(fields(one[4])) for one in values if 4 in one}
    return event[2], numbers, pictures


def test_the_checksum_is_castagnolis():
    """The check value of CRC-32C, and that of 32 zeros (RFC 3720, B.4)."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_what_is_written_can_be_read(tmp_path):
    path = tmp_path / "events"
    file = EventFile(path, 0)
    file.write(300, {"loss": 0.25, "bad": float("inf")}, {"profiles": np.zeros((2, 3, 3), np.uint8)})
    first, second = records(path)
    assert dict(fields(first))[3] == b"brain.Event:2"
    step, numbers, pictures = summary(second)
    assert (step, numbers["loss"]) == (300, 0.25)
    assert np.isfinite(numbers["bad"])
    assert (pictures["profiles"][1], pictures["profiles"][2], pictures["profiles"][3]) == (2, 3, 3)


def test_a_resumed_training_drops_later_and_broken_events(tmp_path):
    path = tmp_path / "events"
    file = EventFile(path, 0)
    for step in (100, 200, 70_000):
        file.write(step, {"loss": 1.0})
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert [step_of(data) for data in records(path)] == [0, 100, 200]
    path.write_bytes(whole[:-20] + b"x" * 20)
    EventFile(path, 100).write(200, {"loss": 2.0})
    assert [step_of(data) for data in records(path)] == [0, 100, 200]
    assert summary(list(records(path))[2])[1] == {"loss": 2.0}
    EventFile(path, 1 << 40)
    assert path.read_bytes() == b"".join(map(record, records(path)))


def test_pictures_are_png_and_show_both_profiles(small):
    reference = np.ones(small.n_cells)
    picture = profiles_picture(small, reference, 0.5 * reference)
    line = (picture == LINE).all(2)
    assert line[:, :240].any(0).all()
    assert abs(np.flatnonzero(line[:, 5])[0] - HEIGHT // 2) < HEIGHT // 4
    data = png(picture)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    start = data.index(b"IDAT")
    size = struct.unpack(">I", data[start - 4 : start])[0]
    pixels = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8)
    height, width, _ = picture.shape
    assert np.array_equal(pixels.reshape(height, 1 + 3 * width)[:, 1:].reshape(picture.shape), picture)
    profiles_picture(small, reference, np.full(small.n_cells, np.nan))


CONFIG = TrainingConfig.build({"model": {"kind": "vae", "latent": 4, "hidden": [8]},
                               "training": {"steps": 6, "batch": 32, "evaluate_every": 2}}, "toy")  # fmt: skip


def told(run):
    return [summary(data) for data in list(records(TrainingFolder(run).events_file))[1:]]


def test_a_training_tells_each_evaluation_once(tmp_path, small, toy, monkeypatch):
    """Also one that is killed between two of them; the weights are those of a training that tells nothing."""
    showers, step = toy(small, 100, seed=1), Trainer._train_step
    train(CONFIG, showers[:80], showers[80:], tmp_path / "whole", quiet=True)

    def dying(trainer):
        if trainer.step == 3:
            raise KeyboardInterrupt
        return step(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_step", dying)
        with pytest.raises(KeyboardInterrupt):
            train(CONFIG, showers[:80], showers[80:], tmp_path / "cut", quiet=True)
    assert [step for step, _, _ in told(tmp_path / "cut")] == [2]
    train(CONFIG, showers[:80], showers[80:], tmp_path / "cut", resume=True, quiet=True)
    for run in ("whole", "cut"):
        found = told(tmp_path / run)
        assert [step for step, _, _ in found] == [2, 4, 6]
        assert set(found[0][1]) == {"loss/training", "selection/held_out", "rate/learning", "rate/showers_per_second"}
        assert "profiles" in found[0][2]
    monkeypatch.setattr("caloforge.training.board.Board.tell", lambda *_: None)
    train(CONFIG, showers[:80], showers[80:], tmp_path / "silent", quiet=True)
    assert (tmp_path / "silent" / "model.pt").read_bytes() == (tmp_path / "whole" / "model.pt").read_bytes()
