"""Nothing of a report clips, overlaps or scrolls sideways; `tests.report.layouts` takes pictures of more shapes."""

import pytest
from tests.report.layouts import FAULTS, write_pages

WRONG = """<style>body { margin: 0; font: 16px sans-serif } .box { width: 80px; overflow-x: auto }</style>
<section><p style="margin: 0">one line</p><p style="margin: -16px 0 0">another line</p>
<div class="box"><div style="width: 200px">wide</div></div>
<figure><svg viewBox="0 0 100 20" aria-label="drawn"><text x="90" y="10" font-size="10">beyond</text></svg></figure>
</section>"""


def faults(browser, page, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.set_default_timeout(0)  # none, since a busy machine takes minutes
    tab.goto(page.as_uri())
    found = tab.evaluate(FAULTS)
    tab.close()
    return found


@pytest.fixture(scope="module")
def report(browser, tmp_path_factory):  # noqa: ARG001  # no report is written where no browser can open it
    """A report with six candidates in one layer."""
    return dict(write_pages(tmp_path_factory.mktemp("layouts"), 1, (6,)))[6]


@pytest.mark.parametrize("width", [390, 1440])
def test_a_report_has_no_faults(browser, report, width):
    assert faults(browser, report, width) == []


def test_faults_are_found(browser, tmp_path):
    page = tmp_path / "wrong.html"
    page.write_text(WRONG)
    said = " ".join(faults(browser, page, 390))
    assert "'one line' overlaps 'another line'" in said
    assert "holds 200 px in 80" in said
    assert "drawn: 'beyond' is cut off" in said
