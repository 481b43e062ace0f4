"""CaloChallenge's binning XML: cells, particles, ids of layers, and back."""

import xml.etree.ElementTree as ET

import pytest

from caloforge.detector import Detector
from caloforge.detector.binning import layer_ids, read_binning, write_binning
from caloforge.errors import InputError
from caloforge.simulators import create

BINNING = """<Bins>
  <Bin pid="11" name="electron">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="4" />
    <Layer id="1" r_edges="0" n_bin_alpha="1" />
    <Layer id="2" r_edges="0,2.5,7.5,20" n_bin_alpha="1" />
  </Bin>
</Bins>"""
TWO = BINNING.replace("</Bins>", """  <Bin pid="22" name="photon">
    <Layer id="0" r_edges="0,5" n_bin_alpha="1" />
    <Layer id="12" r_edges="0,5" n_bin_alpha="1" />
  </Bin>
</Bins>""")  # fmt: skip
SETS = {"1_photons": 368, "1_pions": 533, "2": 6480, "3": 40500}


@pytest.fixture
def binning(tmp_path):
    (tmp_path / "binning.xml").write_text(BINNING)
    return read_binning(tmp_path / "binning.xml")


def test_binning_becomes_cells(binning, tmp_path):
    assert binning.n_cells == 11
    assert [layer.cells.shape for layer in binning.layers] == [(4, 2), (1, 3)]
    assert binning.layers[1].cells.edges[1].tolist() == [0, 2.5, 7.5, 20]
    assert binning.readout.sampling_fraction == 0.033
    assert layer_ids(binning) == [0, 2]
    assert Detector.load(tmp_path / "binning.xml") == binning
    assert Detector.from_toml(binning.toml) == binning


@pytest.mark.parametrize(("name", "n_cells"), SETS.items())
def test_public_binnings(shared, tmp_path, name, n_cells):
    path = shared / "reference" / "calochallenge" / f"binning_dataset_{name}.xml"
    detector = read_binning(path)
    assert detector.n_cells == n_cells
    particle = {"1_photons": "gamma", "1_pions": "pi+"}.get(name, "e-")
    write_binning(tmp_path / "again.xml", detector, particle)
    found, wanted = (
        [(e.attrib["id"], e.attrib["n_bin_alpha"], [float(r) for r in e.attrib["r_edges"].split(",")])
         for e in ET.parse(file).iter("Layer")]
        for file in (tmp_path / "again.xml", path)
    )  # fmt: skip
    last = max(int(i) for i, _, r in wanted if len(r) > 1)
    assert {i: (n, r) for i, n, r in found if len(r) > 1} == {i: (n, r) for i, n, r in wanted if len(r) > 1}
    assert [int(i) for i, *_ in found] == list(range(last + 1))


def test_a_particle_is_chosen(tmp_path):
    (tmp_path / "two.xml").write_text(TWO)
    with pytest.raises(InputError, match=r"describes 2 particles \(electron, photon\), choose with --particle"):
        read_binning(tmp_path / "two.xml")
    photons = read_binning(tmp_path / "two.xml", "gamma")
    assert photons.name == "calochallenge-photon"
    assert layer_ids(photons) == [0, 12]
    assert read_binning(tmp_path / "two.xml", "e+").n_cells == 11
    with pytest.raises(InputError, match=r"no binning of pi\+; it describes electron, photon"):
        read_binning(tmp_path / "two.xml", "pi+")


def test_binning_without_matter_is_refused_by_gflash(binning):
    with pytest.raises(InputError, match="material 'unknown'"):
        create("gflash", binning)


def test_binning_round_trip_keeps_the_ids(binning, tmp_path):
    write_binning(tmp_path / "again.xml", binning, "e-")
    assert read_binning(tmp_path / "again.xml") == binning
    empty = [layer.attrib for layer in ET.parse(tmp_path / "again.xml").iter("Layer")][1]
    assert empty == {"id": "1", "r_edges": "0", "n_bin_alpha": "1"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no XML", "not a CaloChallenge binning"),
        ("<Bins></Bins>", "describes no particle"),
        (BINNING.replace("0,5,10", "0,x"), "not a CaloChallenge binning"),
        (BINNING.replace("0,5,10", "0,9,5"), "r_edges must be strictly increasing"),
        (BINNING.replace("r_edges", "edges"), "not a CaloChallenge binning"),
        (BINNING.replace('n_bin_alpha="4"', 'n_bin_alpha="0"'), "greater than or equal to 1"),
    ],
)
def test_wrong_binnings_are_refused(tmp_path, text, message):
    (tmp_path / "wrong.xml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_binning(tmp_path / "wrong.xml")


def test_binning_of_rectangles_or_protons_or_ids_that_do_not_grow_is_refused(binning, small, tmp_path):
    with pytest.raises(InputError, match="cylindrical cells only; small has cartesian"):
        write_binning(tmp_path / "b.xml", small, "e-")
    with pytest.raises(InputError, match="none of proton"):
        write_binning(tmp_path / "b.xml", binning, "proton")
    with pytest.raises(InputError, match="layer id 0 follows 0; ids must be strictly increasing"):
        write_binning(tmp_path / "b.xml", Detector.from_toml(binning.toml.replace("id = 2", "id = 0")), "e-")
