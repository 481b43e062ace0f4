"""A feed-forward student learns a coupling flow by pairs of noise and cells."""

import pytest
import torch

from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.training import TrainingConfig, train
from caloforge.training.run import TrainingFolder, load_model, load_state

FLOW = {"blocks": 2, "hidden": 16, "bins": 4}


def config(model, teacher=None, **schedule):
    schedule = {"steps": 60, "batch": 64, "evaluate_every": 20, "learning_rate": 5e-3} | schedule
    return TrainingConfig.build({"model": model, "training": schedule, "teacher": teacher and str(teacher)}, "test")


@pytest.fixture(scope="module")
def samples(small, toy):
    showers = toy(small, 400, seed=21)
    return showers[:300], showers[300:]


@pytest.fixture(scope="module")
def teacher_run(samples, tmp_path_factory):
    run = tmp_path_factory.mktemp("teacher") / "run"
    train(config({"kind": "coupling-flow", "layers": FLOW, "cells": FLOW, "local": 4}), *samples, run, quiet=True)
    return run


STUDENT = {"kind": "distilled", "layers": FLOW, "hidden": 64, "blocks": 2, "local": 8}


@pytest.fixture(scope="module")
def student_run(samples, teacher_run, tmp_path_factory):
    run = tmp_path_factory.mktemp("student") / "run"
    train(config(STUDENT, teacher_run, steps=400, evaluate_every=100), *samples, run, quiet=True)
    return run


def test_before_training_the_student_starts_from_the_noise_of_the_same_cells(samples, teacher_run, tmp_path):
    """An untrained student nearly keeps the noise, and each cell of the flow is correlated with its own noise."""
    train(config(STUDENT, teacher_run, steps=1, learning_rate=1e-9), *samples, tmp_path / "run", quiet=True)
    teacher, student = load_model(teacher_run), load_model(tmp_path / "run")
    noise = torch.randn(500, student.noise_size)
    with torch.no_grad():
        conditions = teacher.cell_conditions(noise, **_incidents(student, samples[0], 500))
        scores = teacher.cell_scores(noise[:, -26:], conditions)
        ordered = noise[:, -26:][:, student.cell_network.places]
    correlations = [float(torch.corrcoef(torch.stack([a, b]))[0, 1]) for a, b in zip(scores.T, ordered.T, strict=True)]
    assert min(correlations) > 0.5  # with the noise of another cell: 0 within 0.15


def test_same_noise_same_cells(teacher_run, student_run, samples):
    """After training, the squared error of the student's scores is below a fifth of that of the bare noise."""
    teacher, student = load_model(teacher_run), load_model(student_run)
    noise = torch.randn(300, student.noise_size, generator=torch.Generator().manual_seed(1))
    incidents = _incidents(student, samples[1], 300)
    with torch.no_grad():
        conditions = teacher.cell_conditions(noise, **incidents)
        torch.testing.assert_close(student.cell_conditions(noise, **incidents), conditions)
        taught = teacher.cell_scores(noise[:, -26:], conditions)
        found = student.cell_scores(noise[:, -26:], conditions)
        bare = noise[:, -26:][:, student.cell_network.places]
    assert (found - taught).square().mean() < 0.2 * (bare - taught).square().mean()


def test_layers_are_exactly_the_teachers(teacher_run, student_run, samples, small):
    teacher, student = load_model(teacher_run), load_model(student_run)
    noise = torch.randn(200, student.noise_size, generator=torch.Generator().manual_seed(2))
    incidents = _incidents(student, samples[1], 200)
    with torch.no_grad():
        sums = [torch.from_numpy(small.sum_layers(m.sample(noise, **incidents).numpy())) for m in (teacher, student)]
    torch.testing.assert_close(*sums, rtol=2e-4, atol=0.02)


def test_the_energy_score_prefers_the_truth(student_run, samples):
    """A student whose noise is scaled by 0.3 has a worse score on held-out showers than the student as it is."""
    student = load_model(student_run)
    batch = Batch.of(samples[1])
    torch.manual_seed(5)
    with torch.no_grad():
        good = float(student.loss(batch))
        scores = student.cell_scores
        student.cell_scores = lambda noise, conditions: scores(0.3 * noise, conditions)
        bad = float(student.loss(batch))
    assert good < bad


def test_resumes_in_the_same_bits(samples, teacher_run, tmp_path, train_with_a_break):
    wanted = config(STUDENT | {"score": 0.1}, teacher_run, steps=4, evaluate_every=2)
    train(wanted, *samples, tmp_path / "unbroken", quiet=True)
    train_with_a_break(wanted, samples, tmp_path / "broken", 3)
    first, again = (load_state(TrainingFolder(tmp_path / run).model_file) for run in ("unbroken", "broken"))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(("change", "words"), [
    ({"layers": FLOW | {"hidden": 8}}, "must be its teacher's"),
])  # fmt: skip
def test_a_teacher_that_does_not_fit(change, words, samples, teacher_run, tmp_path):
    with pytest.raises(InputError, match=words):
        train(config(STUDENT | change, teacher_run), *samples, tmp_path / "run", quiet=True)


def test_a_student_needs_its_teacher():
    with pytest.raises(InputError, match="a distilled learns from a trained coupling-flow"):
        config(STUDENT)


def _incidents(model, showers, n):
    batch = Batch.of(showers)
    rows = torch.arange(n) % len(batch)
    return {name: batch.incidents[name][rows] for name in model.inputs}
