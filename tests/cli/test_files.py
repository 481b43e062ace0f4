"""`convert` and `info` as a user calls them."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import h5py
import numpy as np
import pytest

from caloforge.cli import main
from caloforge.detector import Detector
from caloforge.showers import Incidents, Showers, read, write
from caloforge.showers.lineage import learned_from


@pytest.fixture
def showers():
    """Electrons in three layers of rings."""
    detector = Detector.from_toml("""
name = "rings"
[readout]
threshold = "0.5 keV"
sampling_fraction = 0.033
[[layer]]
copies = 3
plates = [{material = "G4_W", thickness = "3 mm"}]
counts = ["G4_W"]
cells = {kind = "cylindrical", n = [4, 2], r_max = "20 mm"}
""")
    energies = np.random.default_rng(2).exponential(2, (8, 24)).astype(np.float32)
    energies[:, 8:16] *= 5
    return Showers(detector, Incidents.make("e-", np.linspace(1e3, 9e3, 8)), energies, {"simulator": "test", "seed": 4})


@pytest.fixture
def command(tmp_path, monkeypatch, showers):
    """Runs caloforge beside `own.h5`."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "own.h5", showers)

    def run(*words):
        monkeypatch.setattr("sys.argv", ["caloforge", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    return run


def test_there_and_back_through_calochallenge(command, showers, tmp_path, capsys):
    assert not command("convert", "own.h5", "-o", "cc.hdf5", "--binning", "binning.xml")
    assert "cc.hdf5: 8 showers in rings, caloforge to calochallenge" in capsys.readouterr().out
    with h5py.File("cc.hdf5") as file:
        np.testing.assert_allclose(file["showers"][:], showers.energies / 0.033, rtol=1e-6)
    assert len(list(ET.parse(tmp_path / "binning.xml").iter("Layer"))) == 3
    assert not command("convert", "cc.hdf5", "--detector", "binning.xml", "-o", "again.h5")
    again = read(tmp_path / "again.h5")
    np.testing.assert_array_equal(again.energies, showers.energies)
    assert again.incidents.particles == ["e-"]
    assert again.provenance["converted"] == {"file": "cc.hdf5", "layout": "calochallenge"}


def test_rows_of_an_order_are_the_order_of_these_rows(command, showers, tmp_path):
    """A model that learned from the first rows of a file does not know the others."""
    order = {"order": {"seed": 1}, "first_id": 100, "n": 8}
    incidents = replace(showers.incidents, shower_id=100 + np.arange(8))
    write(tmp_path / "order.h5", replace(showers, incidents=incidents, provenance=order))
    for name, rows in (("a", "0:3"), ("b", "3:8")):
        assert not command("convert", "order.h5", "--rows", rows, "-o", f"{name}.h5", "-q")
    first, second = (read(tmp_path / f"{name}.h5") for name in ("a", "b"))
    assert [(one.provenance["first_id"], one.provenance["n"]) for one in (first, second)] == [(100, 3), (103, 5)]
    assert learned_from({"training": {"showers": first.provenance}}, second) == 0


def test_our_own_file_keeps_its_provenance_and_rows(command, showers, tmp_path):
    assert not command("convert", "own.h5", "--rows", "2:5", "-o", "part.h5", "-q")
    part = read(tmp_path / "part.h5")
    assert part == showers[2:5]
    assert part.provenance["seed"] == 4
    assert not command("convert", "own.h5", "--to", "points", "-o", "points.h5", "-q")
    (tmp_path / "rings.toml").write_text(showers.detector.toml)
    assert not command("convert", "points.h5", "--detector", "rings.toml", "--particle", "e-", "-o", "again.h5", "-q")
    np.testing.assert_allclose(read(tmp_path / "again.h5").energies, showers.energies)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own.h5", "-o", "out.txt"], "files of showers end in .h5, .hdf5, .root"),
        (["own.h5", "-o", "own.h5", "--force"], "is an input of this command"),
        (["own.h5", "-o", "out.h5", "--rows", "5"], "must read 'A:B'"),
        (["own.h5", "-o", "out.h5", "--rows", "9:12"], "holds 8 showers; the rows asked for are none of them"),
        (["own.h5", "-o", "out.h5", "--detector", "calogan-ecal"], "differs from 'calogan-ecal'"),
        (["own.h5", "-o", "out.h5", "--format", "cologan"], "did you mean 'calogan'"),
        (["none.h5", "-o", "out.h5"], "no such file"),
        (["own.h5", "--to", "calogan", "-o", "out.h5", "--binning", "b.h5"], "writes .xml files"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing(command, tmp_path, capsys, words, said):
    before = sorted(tmp_path.iterdir())
    assert command("convert", *words) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert sorted(tmp_path.iterdir()) == before


def test_info_of_showers(command, capsys):
    assert not command("info", "own.h5")
    out = capsys.readouterr().out
    assert "8 showers, format caloforge" in out
    assert "e- of 1 GeV to 9 GeV" in out
    bars = [line.count("#") for line in out.splitlines() if " MeV #" in line]
    assert bars[1] == 40 > 3 * max(bars[0], bars[2])
    assert not command("info", "own.h5", "--json")
    values = json.loads(capsys.readouterr().out)
    assert (values["kind"], values["n"], values["particles"], values["energy"]) == ("showers", 8, ["e-"], [1e3, 9e3])
    assert values["response"]["mean"] > 0


def test_info_of_learned_showers_tells_their_own_origin(command, small, toy_onnx, tmp_path, capsys):
    """What the model has learned from stands apart, indented."""
    out = str(tmp_path / "learned.h5")
    (tmp_path / "small.toml").write_text(small.toml)
    assert not command("produce", "--detector", "small.toml", "--simulator", str(toy_onnx), "--particle", "e+",
                       "--energy", "10 GeV", "-n", "4",
                       "--seed", "7", "-o", out)  # fmt: skip
    capsys.readouterr()
    assert not command("info", out)
    lines = capsys.readouterr().out.splitlines()
    origin = [line for line in lines if line.startswith("simulator ")]
    assert [line.partition(",")[0] for line in origin] == ["simulator learned"]
    assert "seed 7, n 4" in origin[0]
    assert "learned from 300 showers, seed 1" in lines
    assert any("of 10 GeV; theta" in line for line in lines)


def test_info_of_a_file_that_names_no_detector(command, tmp_path, capsys):
    with h5py.File(tmp_path / "gan.h5", "w") as file:
        file["layer_0"], file["energy"] = np.ones((5, 3, 96)), np.ones((5, 1))
    assert not command("info", "gan.h5")
    out = capsys.readouterr().out
    assert "5 showers, format calogan" in out
    assert "layer_0: (5, 3, 96)" in out
    assert command("info", "nowhere.h5") == 2


def test_info_of_a_model(command, toy_onnx, capsys):
    assert not command("info", str(toy_onnx))
    out = capsys.readouterr().out
    assert "model coupling-flow" in out
    assert "learned from 300 showers, seed 1" in out
    assert out.count(" MeV ") == 3
