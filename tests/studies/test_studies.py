"""Every study: its figures, its table against slow twins, and the verb."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from caloforge.cli import app, study
from caloforge.errors import InputError
from caloforge.report.style import REFERENCE
from caloforge.showers import write
from caloforge.studies import STUDIES, StudySamples, find_study
from caloforge.studies.cells import named_cells
from caloforge.studies.moments import shower_moments


@pytest.fixture(scope="module")
def compared(small, toy):
    record = {"training": {"record": {"losses": [[10, 1.2, 1.3], [20, 1.0, 1.1], [30, 0.9, 1.15]]}}}
    flow = replace(toy(small, 150, seed=2), provenance=record)
    return StudySamples(toy(small, 150, seed=1), {"flow": flow}, toy(small, 120, seed=3))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_writes_its_table_and_figures(name, compared, tmp_path):
    result = find_study(name)(compared)
    files = result.write(tmp_path, name)
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert len(result.figures) == len({figure.labels.name for figure in result.figures}) > 0
    assert all(file.stat().st_size > 100 for file in files)
    assert len(json.loads((tmp_path / f"{name}.json").read_text())) == len(result.rows) > 0
    assert all(len(row) == len(result.columns) for row in result.rows)
    assert all((tmp_path / f"{figure.labels.name}.pdf").read_bytes().startswith(b"%PDF") for figure in result.figures)


def test_moments_shower_by_shower(compared):
    showers, found = compared.reference, shower_moments(compared.reference)
    detector = showers.detector
    for n in (0, 7, 149):
        energies = showers.thresholded()[n].astype(float)
        z = np.array([detector.layers[k].z for k in detector.cell_layer])
        radius = np.hypot(detector.cell_centres[:, 0], detector.cell_centres[:, 1])
        centre = np.average(z, weights=energies)
        assert found["depth"][n] == pytest.approx(centre)
        assert found["depth_width"][n] == pytest.approx(np.sqrt(np.average((z - centre) ** 2, weights=energies)))
        assert found["radius"][n] == pytest.approx(np.average(radius, weights=energies))
        assert found["radius_width"][n] == pytest.approx(np.sqrt(np.average(radius**2, weights=energies)))


def test_cells_are_named_by_their_mean_energy(compared):
    detector, energies = compared.detector, compared.reference.thresholded()
    chosen, mean = named_cells(detector, energies), energies.mean(0)
    assert len({cell.layer for cell in chosen}) == 3
    for layer in detector.layers:
        own = [cell.number for cell in chosen if detector.layers[cell.layer] is layer]
        assert mean[own[0]] == mean[layer.slice].max()
        assert all(layer.start <= number < layer.stop for number in own)


def test_copies_lie_nearer_to_the_training_showers(compared):
    copies = StudySamples(compared.reference, {"copies": compared.training[:100]}, compared.training)
    rows = {row[0]: [float(value) for value in row[2:]] for row in find_study("neighbours")(copies).rows}
    assert max(rows["copies"]) < 1e-3 < min(rows[REFERENCE])


def test_what_a_study_lacks_is_named(compared, small, toy):
    with pytest.raises(InputError, match="did you mean 'moments'"):
        find_study("moment")
    with pytest.raises(InputError, match="give --training FILE"):
        find_study("neighbours")(replace(compared, training=None))
    with pytest.raises(InputError, match="no candidate carries the losses"):
        find_study("losses")(StudySamples(compared.reference, {"toy": toy(small, 10, seed=4)}))


def test_command(compared, tmp_path):
    write(tmp_path / "geant4.h5", compared.reference)
    write(tmp_path / "other.h5", compared.candidates["flow"])
    words = ["study", "moments", str(tmp_path / "geant4.h5"), str(tmp_path / "other.h5"), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert "first moment in depth" in result.stdout
    assert (tmp_path / "out" / "moments.md").is_file()
    seen = CliRunner().invoke(app, [*words[:-1], str(tmp_path / "new"), "--training", str(tmp_path / "geant4.h5")])
    assert "training" in str(seen.exception)
    assert not (tmp_path / "new").exists()
    again = CliRunner().invoke(app, words)
    assert "holds a study already" in str(again.exception)


def test_help_names_every_study():
    assert all(name in study.NAMES for name in STUDIES)
    assert all(name in CliRunner().invoke(app, ["study", "--help"]).stdout for name in STUDIES)


def test_histograms_of_a_sample_with_itself_have_no_separation(compared):
    samples = StudySamples(compared.reference, {"same": compared.reference, **compared.candidates})
    result = find_study("histograms")(samples)
    same, flow = ([float(row[k]) for row in result.rows] for k in (1, 2))
    assert max(same) == 0.0 < max(flow)
    titles = [row[0] for row in result.rows]
    assert len(titles) == len(set(titles)) == len(result.figures)
    assert {"response", "depth centre", "sparsity"} <= set(titles)
    assert any(title.startswith("energy, layer") for title in titles)


def test_what_no_shower_defines_has_no_separation_power(compared):
    energies = compared.reference.energies.copy()
    energies[:, compared.detector.layers[-1].slice] = 0
    samples = StudySamples(compared.reference, {"dead layer": replace(compared.reference, energies=energies)})
    powers = dict(find_study("histograms")(samples).rows)
    last = len(compared.detector.layers) - 1
    assert powers[f"centre x, layer {last}"] == "-"
    assert float(powers[f"energy, layer {last}"]) > 0.5
