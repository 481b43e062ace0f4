"""A student and its teacher on a detector of four cells."""

import shutil
from pathlib import Path

import onnx
import pytest
import torch

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.training import TrainingConfig, check_trained, load_model, train
from caloforge.training.distill import Distillation, difference
from caloforge.training.run import TrainingFolder, load_state
from caloforge.training.trainer import Trainer

FOUR = """
name = "four"
[[layer]]
copies = 2
repeat = 5
plates = [{material = "G4_Pb", thickness = "2 mm"}, {material = "G4_lAr", thickness = "4 mm"}]
counts = ["G4_Pb", "G4_lAr"]
cells = {kind = "cartesian", n = [1, 2], size = ["80 mm", "40 mm"]}
"""
SIZE = "{{blocks = 2, hidden = {hidden}, bins = 4}}"
TOML = """
{teacher}
[model]
kind = "{kind}"
layers = {{blocks = 1, hidden = 12, bins = 4}}
cells = {{blocks = 2, hidden = {hidden}, bins = 4}}
columns = {{kind = "logits", noise = "10 keV"}}
[training]
steps = {steps}
batch = 100
evaluate_every = {every}
learning_rate = 1e-2
average = 0.9
"""


def config(kind, *, teacher=None, hidden=16, steps=80, every=40):
    line = "" if teacher is None else f'teacher = "{teacher}"'
    return TrainingConfig.read(TOML.format(kind=kind, teacher=line, hidden=hidden, steps=steps, every=every), "toy")


@pytest.fixture(scope="module")
def samples(toy):
    showers = toy(Detector.from_toml(FOUR), 500, seed=1)
    return showers[:400], showers[400:]


@pytest.fixture(scope="module")
def teacher_run(samples, tmp_path_factory):
    run = tmp_path_factory.mktemp("teacher") / "training"
    train(config("caloflow"), *samples, run, quiet=True)
    return run


@pytest.fixture(scope="module")
def student_run(samples, teacher_run, tmp_path_factory):
    """Distilled from a copy of the teacher that is gone by now; wider, so that it starts from random weights."""
    folder = tmp_path_factory.mktemp("student")
    shutil.copytree(teacher_run, folder / "teacher" / "training")
    run = folder / "run"
    wanted = config("caloflow-student", teacher=folder / "teacher", hidden=32, steps=250)
    train(wanted, *samples, run, quiet=True)
    shutil.rmtree(folder / "teacher")
    return run


def showers_of(model, n=300):
    """Cells (N, 4) [MeV] of the same noise for any model of the same size."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(n, model.noise_size, generator=generator)
    energy = 1500 + 18000 * torch.rand(n, 1, generator=generator)
    with torch.no_grad():
        return model.sample(noise, energy=energy)


def test_the_student_becomes_its_teacher_on_the_teachers_showers(teacher_run, student_run):
    """From the same noise both draw the same shower, to a twentieth of the spread; an untrained student does not."""
    teacher, student = load_model(teacher_run), load_model(student_run)
    untrained = load_model(student_run)
    torch.manual_seed(4)
    for parameter in untrained.cell_flow.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    truth = showers_of(teacher)
    scale = truth.std(0)
    after, before = (((showers_of(model) - truth) / scale).square().mean().sqrt() for model in (student, untrained))
    assert after < 0.05
    assert after < before / 5


def test_the_held_out_loss_falls(student_run):
    losses = [line["held_out"] for line in load_state(TrainingFolder(student_run).checkpoint_file)["losses"]]
    assert losses[-1] < losses[0] / 3


def test_both_passes_contribute_to_the_loss(teacher_run, samples):
    """The loss is the mean of both passes, each has a gradient, and the difference of equal passes is zero."""
    teacher = load_model(teacher_run)
    student = Trainer(config("caloflow-student", teacher=teacher_run), *samples, TrainingFolder(teacher_run)).model
    distillation = Distillation(teacher, student)
    batch = Batch.of(samples[0][:50])
    torch.manual_seed(5)
    loss = distillation.loss(student, batch)
    torch.manual_seed(5)
    columns, conditions = teacher.features(batch)
    taught = teacher.to_latent(columns, conditions)
    x_pass = difference(student.to_data(taught.points[-1], conditions), taught)
    drawn = student.draw_conditions(batch)
    answer = student.to_data(torch.randn_like(columns), drawn)
    z_pass = difference(answer, teacher.to_latent(answer.points[0], drawn))
    assert loss.item() == pytest.approx((x_pass + z_pass).item() / 2 / 4, rel=1e-6)
    assert x_pass.item() > 0.01
    assert z_pass.item() > 0.01
    assert float(difference(taught, taught)) == 0.0
    gradients = [torch.autograd.grad(part, list(student.parameters()), retain_graph=True) for part in (x_pass, z_pass)]
    assert all(float(gradient.abs().max()) > 0 for part in gradients for gradient in part)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_the_students_run_knows_its_teacher_and_outlives_it(student_run, samples):
    known = TrainingFolder(student_run).provenance["training"]["teacher"]
    assert known["kind"] == "caloflow"
    assert len(known["fingerprint"]) == 32
    assert known["training"]["n_showers"] == 400
    assert torch.isfinite(showers_of(load_model(student_run))).all()
    with pytest.raises(InputError, match="train it first"):
        train(TrainingFolder(student_run).config, *samples, student_run, resume=True, quiet=True)


@pytest.mark.parametrize(("kind", "loops"), [("caloflow", 2), ("caloflow-student", 0)])
def test_the_teachers_cells_are_a_loop_per_block(kind, loops, tiny_onnx):
    """The few layers of flow I are unrolled, so that a student runs where there are no loops."""
    graph = onnx.load(tiny_onnx(kind)).graph
    assert [node.op_type for node in graph.node].count("Scan") == loops


@pytest.fixture(scope="module")
def resumable(teacher_run):
    return config("caloflow-student", teacher=teacher_run, hidden=20, steps=8, every=3)


@pytest.fixture(scope="module")
def unbroken(resumable, samples, tmp_path_factory):
    run = tmp_path_factory.mktemp("unbroken") / "run"
    train(resumable, *samples, run, quiet=True)
    return run


@pytest.mark.parametrize("killed_at", [2, 3, 7])
def test_resume_ends_in_the_same_bits(unbroken, resumable, samples, tmp_path, train_with_a_break, killed_at):
    train_with_a_break(resumable, samples, tmp_path / "run", killed_at)
    for file in ("model.pt", "checkpoint.pt"):
        ours, theirs = (load_state(run / file) for run in (tmp_path / "run", unbroken))
        ours, theirs = (state.get("model", state) for state in (ours, theirs))
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_another_teacher_is_refused(teacher_run, samples, tmp_path):
    place = tmp_path / "teacher"
    shutil.copytree(teacher_run, place)
    wanted = config("caloflow-student", teacher=place, steps=2)
    train(wanted, *samples, tmp_path / "run", quiet=True)
    state = load_state(place / "model.pt")
    next(iter(state.values())).add_(1.0)
    torch.save(state, place / "model.pt")
    with pytest.raises(InputError, match="another teacher"):
        train(wanted, *samples, tmp_path / "run", resume=True, quiet=True)


def test_models_that_cannot_teach_are_refused(toy_run, small, toy, tmp_path):
    showers = toy(small, 60, seed=2)
    with pytest.raises(InputError, match="no density that can be distilled"):
        train(config("caloflow-student", teacher=toy_run), showers[:50], showers[50:], tmp_path / "run", quiet=True)


def test_students_need_a_teacher_and_others_have_none(teacher_run):
    with pytest.raises(InputError, match="learns from a trained caloflow; name its run directory as `teacher`"):
        config("caloflow-student")
    with pytest.raises(InputError, match="a caloflow learns from showers only"):
        config("caloflow", teacher=teacher_run)
    with pytest.raises(InputError, match="nowhere is not a run directory"):
        check_trained(Path("nowhere"))
