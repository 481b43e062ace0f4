"""The programs that the page of the talks names, each in a small form."""

import json
import re
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from caloforge.showers import Incidents, Showers, write

ROOT = Path(__file__).parents[2]
TESTED = ("angles", "atlas", "caloflow", "caloflow_noise", "fast_ar", "gan_3d", "gflash")


@pytest.fixture
def program(monkeypatch, capsys):
    """Runs a program of benchmarks/ with its arguments, and with other constants; what it prints."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))

    def call(name, *arguments, **constants):
        module = import_module(name)
        for constant, value in constants.items():
            monkeypatch.setattr(module, constant, value)
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        module.main()
        return capsys.readouterr().out

    return call


def inner(showers):
    """Showers whose energies lie inside the range of any sample, as the domain of a model does."""
    energy = showers.incidents.energy
    return showers[(energy > 1200) & (energy < 19_800)]


def of_energies(showers, energies, particle="e-"):
    """The same cells, as showers of other incident energies [MeV]."""
    incidents = Incidents.make(particle, energies, shower_id=showers.incidents.shower_id)
    scaled = showers.energies * (energies / showers.incidents.energy)[:, None]
    return Showers(showers.detector, incidents, scaled.astype(np.float32), showers.provenance)


def lines(text):
    """Cells of the rows of all tables in Markdown."""
    rows = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_page_names_tested_programs_only():
    text = (ROOT / "docs" / "talks.md").read_text(encoding="utf-8")
    assert set(re.findall(r"benchmarks/(\w+)\.py", text)) <= set(TESTED)


def test_caloflow_tells_another_simulator_and_not_geant4(program, small, toy, toy_run, tmp_path):
    for name, seed in (("reference", 21), ("floor", 22)):
        write(tmp_path / f"{name}.h5", inner(toy(small, 360, seed=seed)))
    files = [f"{name}={tmp_path / name}.h5" for name in ("reference", "floor")]
    words = ["--particle", "e+", *files, f"flow={toy_run}", "other=gflash", "--sizes", 200]
    text = program("caloflow", *words, "--recipe", "quick", "--seeds", 1, "--no-time", "-o", tmp_path / "out")
    (table,) = json.loads((tmp_path / "out" / "tables.json").read_text())
    floor, other = (table["auc"][name]["low"]["200"] for name in ("floor", "other"))
    assert abs(floor[0] - 0.5) < 4 * floor[1]
    assert other[0] > 0.9
    assert [(name, row["n_showers"]) for name, row in table["trained"].items()] == [("flow", 300)]
    (row,) = [row for row in lines(text) if row[:3] == ["e+", "unnorm.", "200"]]
    assert row[-3:] == ["0.859", "0.786", "1.000"]


NOISY = """
[model]
kind = "caloflow"
layers = {blocks = 2, hidden = 8, bins = 4}
cells = {blocks = 2, hidden = 16, bins = 4}
[training]
minutes = 1
batch = 32
evaluate_every = 10
"""


def test_caloflow_likelihood_against_quality(program, small, toy, tmp_path):
    """Flow II sees the noise: after a few steps, logits that little noise spreads over decades are the less likely."""
    train, test = (inner(toy(small, n, seed=seed)) for seed, n in ((23, 200), (24, 120)))
    hits = (test.energies >= small.threshold).sum(1).mean()
    test = replace(test, energies=np.where(test.energies > 0, test.energies, np.float32(small.threshold / 2)))
    write(tmp_path / "train.h5", train)
    write(tmp_path / "test.h5", test)
    (tmp_path / "run.toml").write_text(NOISY)
    words = [tmp_path / "run.toml", "--showers", tmp_path / "train.h5", "--test", tmp_path / "test.h5"]
    noise = ["--noise", "0.1 keV", "100 keV", "--steps", 20]
    text = program("caloflow_noise", *words, *noise, "-o", tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "noise.json").read_text())
    assert [row["steps"] for row in rows.values()] == [20, 20]
    assert [row["hits_geant4"] for row in rows.values()] == pytest.approx([hits, hits])
    assert rows["100 keV"]["log_p"] - rows["0.1 keV"]["log_p"] > 3 * rows["0.1 keV"]["log_p_error"]
    assert [row[0] for row in lines(text)[1:]] == ["0.1 keV", "100 keV"]
    again = program("caloflow_noise", *words, *noise, "-o", tmp_path / "out")
    assert len(again) < len(text)


def test_fast_ar_compares_labels(program, uniform, toy, tiny_training, tiny_onnx, tmp_path):
    run = tiny_training("fast-ar")
    labels = np.repeat([1000.0, 1500.0], 40)
    write(tmp_path / "labels.h5", of_energies(toy(uniform, 80, seed=23), labels))
    write(tmp_path / "train.h5", of_energies(toy(uniform, 60, seed=24), np.full(60, 1000.0)))
    words = ["--model", tiny_onnx("fast-ar"), "--train", tmp_path / "train.h5", "--labels", 1, 1.5]
    text = program("fast_ar", run, *words, "--reference", tmp_path / "labels.h5", "--plot", tmp_path / "plot.png")
    assert [row[:2] for row in lines(text)[1:3]] == [["1.5, held out", "40"], ["1, seen", "40"]]
    assert [row[0] for row in lines(text)[-2:]] == ["test, label 1 (seen)", "test, label 1.5 (held out)"]
    assert (tmp_path / "plot.png").stat().st_size > 10_000


def test_angles_tell_a_model_that_forgets_them(program, small, toy, tmp_path):
    """A file that agrees with Geant4 at small angles, and has a flat layer at large ones."""
    showers = toy(small, 500, seed=31)
    energies = of_energies(toy(small, 500, seed=32), showers.incidents.energy).energies.copy()
    energies[250:, small.layers[1].slice] = energies[250:, small.layers[1].slice].mean(1, keepdims=True)
    incidents = replace(showers.incidents, theta=np.where(np.arange(500) < 250, 0.1, 0.4))
    for name, cells in (("geant4", showers.energies), ("flat", energies)):
        write(tmp_path / f"{name}.h5", Showers(small, incidents, cells, showers.provenance))
    text = program("angles", tmp_path / "geant4.h5", tmp_path / "flat.h5", "--edges", 0, 0.2, 0.5)
    rows = lines(text)[1:]
    assert [row[:2] for row in rows] == [["0 to 0.2", "250"], ["0.2 to 0.5", "250"]]
    assert float(rows[1][-1].split()[0]) > float(rows[0][-1].split()[0]) + 0.2
    assert float(rows[1][7].split()[0]) > 1.02


def test_gan_3d_gives_the_tables_of_the_talk(program, uniform, toy, tiny_onnx, tmp_path):
    for name, seed, n in (("reference", 25, 230), ("train", 26, 330)):
        showers = inner(toy(uniform, n, seed=seed))
        write(tmp_path / f"{name}.h5", of_energies(showers, 0.1 * showers.incidents.energy))
    words = [tmp_path / "reference.h5", tiny_onnx("gan-3d"), "--training", tmp_path / "train.h5", "-o", tmp_path]
    text = program("gan_3d", *words, BATCHES=(1, 10))
    assert (tmp_path / "tables.md").read_text().strip() == text.strip()
    assert len(list(tmp_path.glob("*.png"))) >= 2
    assert any(row[0] == "gan-3d" for row in lines(text))


def test_gflash_beside_geant4(program, tmp_path):
    words = ["--energies", 1, "--showers", 8, "--stacks", "PbWO4", "--references", tmp_path]
    row = lines(program("gflash", *words, FAST=100))[1]
    assert row[:3] == ["PbWO4", "1", "8"]
    assert float(row[9]) == pytest.approx(0.95, abs=0.06)
    assert float(row[10]) == pytest.approx(1.0, abs=0.05)


def test_atlas_draws_every_figure(program, tmp_path):
    words = ["vae-small", "--showers", 16, 16, 16, "--cache", tmp_path / "cache", "-o", tmp_path / "out"]
    text = program("atlas", *words, ENERGIES=(1, 2, 3), PLOTTED=2, BATCHES=(1, 10))
    assert len(list((tmp_path / "out").glob("atlas-*.png"))) == 4
    assert [row[:2] for row in lines(text) if row[1] == "Geant4"] == [["1", "Geant4"], ["2", "Geant4"], ["3", "Geant4"]]
