"""The report as a file, and in a browser where there is one."""

import base64
import importlib
import json
import re
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cbook import is_math_text

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.report.figures import fitting_bins
from caloforge.report.maps import average_showers
from caloforge.report.page import _one_by_one, worst_observables, write_report
from caloforge.report.plots import Histograms, distributions
from caloforge.report.printed import find_browser, print_report
from caloforge.report.style import INK, REFERENCE, Labels, panels, plain, styled, typeset
from caloforge.showers import Incidents
from caloforge.simulators.gflash import GFlash
from caloforge.validation.benchmark import finite, measure
from caloforge.validation.samples import prepare
from caloforge.validation.table import observable_table

ODD = r"zebra_{\frac} $x$ <b>_\udcff"  # markup, a formula that matplotlib cannot read, a byte that is no UTF-8
SHOWN = ODD.replace("\udcff", r"\udcff")
NINE = """
name = "nine"
readout = {frame = "detector", sampling_fraction = 0.2}
[[layer]]
copies = 9
repeat = 3
plates = [{material = "G4_Pb", thickness = "3 mm"}, {material = "G4_lAr", thickness = "5 mm"}]
counts = ["G4_lAr"]
cells = {kind = "cartesian", n = [10, 10], size = ["10 mm", "10 mm"]}
"""
MARKUP = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def page(samples, with_energies, small_recipe, tmp_path_factory):
    """A report on two candidates, one of which never reaches the last layer, with a large seed.

    What strangers' files say of themselves holds markup.
    """
    reference, floor, first, second = samples
    reference = replace(reference, provenance=reference.provenance | {"file": MARKUP})
    first = replace(first, provenance=first.provenance | {"notes": [f"a note {MARKUP}"], MARKUP: 1})
    short = with_energies(second, second.energies * (second.detector.cell_layer < 2))
    prepared = prepare(reference[:400], {ODD: first, "<model> & co": short}, floor, reweight=False, seed=0)
    metrics = measure(prepared, small_recipe, 2**32 - 1, 1, lambda _: None, training=second)
    metrics |= {"seconds": 1.0, "timings": {"cpu": f"test {MARKUP}", "threads": 1, "geant4_ms": {"10 GeV": 50.0},
                                            "simulators": {ODD: {"1": {"ms": 2.0, "std": 0.1}}}}}  # fmt: skip
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(path, prepared, finite(metrics))
    return path


def test_page_needs_nothing_but_itself(page):
    text = page.read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert not re.findall(r"@import|url\((?!#)", text)
    assert "<model>" not in text
    assert "<b>_" not in text
    assert "&lt;model&gt; &amp; co" in text
    assert page.stat().st_size < 15e6


def test_every_figure_has_pdf_and_data(page):
    text = page.read_text()
    assert len(set(re.findall(r' id="(\w+)"', text))) == len(re.findall(r' id="(\w+)"', text))
    figures = text.count("<figcaption>") - 1  # one stands in the script of the display
    pdfs = re.findall(r'download="([^"]+)\.pdf" href="data:application/pdf;base64,([^"]+)"', text)
    data = re.findall(r'href="data:application/json;base64,([^"]+)"', text)
    assert figures == len(pdfs) == len(data) > 25
    assert all(base64.b64decode(pdf).startswith(b"%PDF-1.") for _, pdf in pdfs)
    assert len({name for name, _ in pdfs}) == len(pdfs)


def drawn():
    """A figure with awkward names."""
    values = {REFERENCE: np.array([9.0, 40.0, 0.0]), "a_b$": np.array([12.0, 30.0, 1.0])}
    column = Histograms("E_{tot} φ [MeV]", np.array([0.0, 1.0, 2.0, 3.0]), values)
    with styled():
        return distributions(Labels("twice", "a < b & c", "energy"), column)


def test_figures_are_reproducible_and_take_the_pages_colour():
    first, second = drawn(), drawn()
    assert first == second
    ElementTree.fromstring(first.svg)
    assert "currentColor" in first.svg
    assert INK not in first.svg
    assert "a_b$" in first.svg
    assert "<style" not in first.svg
    data = json.loads(base64.b64decode(first.data.split(",")[1]))
    assert data["counts"]["a_b$"] == [12.0, 30.0, 1.0]


LONG = ["gflash", "a-quite-long-name-of-a-student", "frozen showers", "vae", "wgan-gp-calogan-small-2", "flow_v2"]


@pytest.mark.parametrize("names", [LONG, LONG[:3], *([f"{k}" * n for k in range(m)] for m in (1, 6) for n in (3, 60))])
def test_every_name_of_a_legend_stands_inside_its_figure(names):
    with styled():
        canvas, top, _ = panels([REFERENCE, "floor", *names])
        FigureCanvasAgg(canvas).draw()
        box = canvas.legends[0].get_window_extent()
        assert len(canvas.legends[0].get_texts()) == len(names) + 2
        assert box.x1 <= canvas.bbox.x1
        assert box.y1 <= canvas.bbox.y1 + 1
        assert box.y0 >= top.get_window_extent().y1
        assert all(text.get_fontsize() >= 15 for text in canvas.legends[0].get_texts())


@pytest.mark.parametrize("samples", [3, 5, 8])
def test_maps_are_as_wide_as_other_figures_and_not_blown_up(small, samples):
    means = {
        REFERENCE: np.linspace(1, 2, small.n_cells),
        **{f"{k}": np.ones(small.n_cells) for k in range(samples - 1)},
    }
    with styled():
        figures = list(average_showers(small, means))
    assert len(figures) == len(small.layers)
    for figure in figures:
        width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', figure.svg).groups())
        assert width == pytest.approx(720, abs=1)
        assert height < 1.4 * width


def test_bins_follow_the_size_of_the_sample():
    assert [fitting_bins(n) for n in (10, 500, 5000, 10**6)] == [12, 16, 34, 50]


def test_no_ratio_is_shown_of_means_about_zero():
    observable = {"separation_power": 0.1, "mean_ratio": -75.0}
    sample = {"observables": {"centre_x_layer_0": observable, "depth_centre": observable}}
    rows = worst_observables({"floor": sample, "candidates": {"vae": sample}})
    assert {row["name"]: row["mean_ratio"] for row in rows} == {"centre_x_layer_0": None, "depth_centre": -75.0}


def test_contents_lead_to_every_section(page):
    text = page.read_text()
    sections = re.findall(r'<section id="([^"]+)"', text)
    assert re.findall(r'href="#([^"]+)"', text[text.index("<nav") : text.index("</nav>")]) == sections
    assert len(sections) > 8


def test_layers_shown_one_by_one_are_named(page):
    assert "shown one by one" not in page.read_text()  # it has three layers
    nine = Detector.from_toml(NINE)
    assert (
        _one_by_one(nine, [1, 3, 4]) == "Of 9 layers, the 3 that hold the most energy are shown one by one: 1, 3 and 4."
    )


def test_the_response_is_named_by_what_it_is_divided_by(samples):
    response = observable_table(samples[0][:5])["response"]
    assert response.label == "E_{tot} / E_{inc}"
    nine = Detector.from_toml(NINE)
    showers = GFlash(nine).simulate(Incidents.make("e-", ["5 GeV"] * 3), 1)
    assert observable_table(showers)["response"].label == "E_{tot} / (0.2 E_{inc})"


@pytest.mark.usefixtures("browser")
def test_the_report_is_printed_as_pdf(tmp_path):
    (tmp_path / "page.html").write_text("<p>A page</p>")
    print_report(tmp_path / "page.html", tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")


def test_pdf_without_a_browser_is_one_line(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="--pdf needs Chromium"):
        find_browser()


def test_subscripts_become_formulas_and_dollars_stay():
    assert typeset("E_{tot} / E_{inc} in $") == r"$E_{tot}$ / $E_{inc}$ in \$"


def test_names_are_shown_letter_by_letter():
    """No formula, no label that matplotlib hides, nothing that breaks a line."""
    for name in (r"a_{\frac}", "$x$", r"\$x$", "a$b", "_hidden"):
        text = plain(name)
        assert not is_math_text(text)
        assert not text.startswith("_")
        assert text.replace(r"\$", "$").lstrip("\N{ZERO WIDTH SPACE}") == name
    assert plain("a\nb") == "a\N{REPLACEMENT CHARACTER}b"


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "caloforge.report.style")
    with pytest.raises(InputError, match=r"caloforge\[report\]"):
        importlib.import_module("caloforge.report.style")


@pytest.fixture(params=[1440, 390])
def opened(request, browser, page):
    """The report in a window, and everything that went wrong or left the file."""
    tab = browser.new_page(viewport={"width": request.param, "height": 900}, color_scheme="light")
    wrong = []
    tab.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda sent: wrong.append(sent.url) if not sent.url.startswith(("file:", "data:")) else None)
    tab.goto(page.as_uri())
    tab.wait_for_function("document.querySelectorAll('.displays canvas').length === 3")
    yield tab, wrong, request.param
    tab.close()


def picture(tab):
    """The drawn shower, once the frame has been painted."""
    tab.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return tab.evaluate("document.querySelector('.displays canvas').toDataURL()")


def test_report_works_in_a_browser(opened):
    tab, wrong, width = opened
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    before = picture(tab)
    canvas = tab.locator(".displays canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 50, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 150, box["y"] + 80, steps=4)
    tab.mouse.up()
    turned = picture(tab)
    assert turned != before
    tab.mouse.move(box["x"] + 20, box["y"] + 20)
    assert picture(tab) == turned, "a pointer that is not pressed must not turn the shower"
    assert wrong == []


def test_markup_in_names_and_provenance_is_text(opened):
    """Names of files, what files say of themselves, timings: shown letter by letter; names of detectors hold none."""
    tab, wrong, _ = opened
    assert tab.evaluate("[document.images.length, document.scripts.length]") == [0, 2]
    assert tab.title() != "taken"
    text = tab.evaluate("document.body.textContent")
    assert text.count(MARKUP) >= 3, "note, timings, provenance"
    assert SHOWN in text
    assert wrong == []
    with pytest.raises(InputError, match="name"):
        Detector.from_toml(f"name = {json.dumps(MARKUP)}\n")


def test_theme_switches_and_events_change(opened):
    tab, wrong, _ = opened
    colour = "getComputedStyle(document.body).backgroundColor"
    light, shown = tab.evaluate(colour), picture(tab)
    tab.locator("#theme").click()
    assert tab.evaluate(colour) != light
    tab.locator("#theme").click()
    assert tab.evaluate(colour) == light
    tab.locator(".events button").first.click()
    assert picture(tab) != shown
    assert wrong == []


def test_tables_sort_and_keep_the_floor_first(opened):
    tab, wrong, _ = opened
    names = "[...document.querySelectorAll('.verdict tbody th')].map(cell => cell.textContent)"
    heading = tab.locator(".verdict thead th").first
    heading.click()
    assert tab.evaluate(names) == ["floor", "<model> & co", SHOWN]
    heading.click()
    assert tab.evaluate(names) == ["floor", SHOWN, "<model> & co"]
    tab.locator(".verdict thead th").nth(1).click()
    values = tab.evaluate(
        "[...document.querySelectorAll('.verdict tbody tr')].slice(1).map(r => +r.cells[1].dataset.value)"
    )
    assert values == sorted(values)
    assert wrong == []
