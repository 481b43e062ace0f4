"""Reports of many shapes, and what a browser finds wrong with how one is laid out.

python -m tests.report.layouts FOLDER      36 pictures: candidates x layers x widths x colours, and their faults
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caloforge.detector import Detector
from caloforge.report.page import write_report
from caloforge.showers import Incidents, Showers
from caloforge.simulators.gflash import GFlash
from caloforge.validation.benchmark import finite, measure
from caloforge.validation.recipes import Recipe
from caloforge.validation.samples import prepare

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CANDIDATES, LAYERS, WIDTHS, COLOURS = (1, 3, 6), (1, 9, 45), (390, 1440), ("light", "dark")
NAMES = ("coupling-flow-eplus-small", "gflash", "wgan-gp-calogan-small-adapted-2", "vae", "frozen-library-of-electrons",
         "fast_ar")  # fmt: skip
SHOWERS = 220  # per side
TIMINGS = {"cpu": "AMD EPYC 9V84 96-Core Processor", "threads": 1, "particle": "e-", "energy": "10 GeV",
           "geant4_ms": {"1 GeV": 8.3, "10 GeV": 84.1}}  # fmt: skip
DETECTOR = """
name = "layers-{layers}"
[readout]
sampling_fraction = {fraction}
threshold = "0.1 MeV"
[[layer]]
copies = {layers}
{plates}
cells = {{kind = "cartesian", n = [9, 9], size = ["12 mm", "12 mm"]}}
"""
BLOCK = 'plates = [{material = "G4_PbWO4", thickness = "220 mm"}]\ncounts = ["G4_PbWO4"]'
SANDWICH = ('repeat = {repeat}\nplates = [{{material = "G4_Pb", thickness = "2 mm"}}, '
            '{{material = "G4_lAr", thickness = "4 mm"}}]\ncounts = ["G4_lAr"]')  # fmt: skip
QUICK = Recipe(name="quick", hidden=(8,), epochs=2, patience=1, bootstraps=10, largest=200,
               judges=("trees_features",), folds=3, curve=(1 / 2,))  # fmt: skip

# What overlaps, is cut off or scrolls sideways, in words. Text is told by its lines' boxes; two pixels are forgiven.
FAULTS = """() => {
  const found = [], page = document.documentElement
  if (page.scrollWidth > innerWidth) found.push(`the page is ${page.scrollWidth} px wide`)
  const shown = e => e.checkVisibility && e.checkVisibility()
  for (const e of document.body.querySelectorAll('*')) {
    if (e.closest('svg') || !shown(e)) continue
    const style = getComputedStyle(e)
    if (style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
      found.push(`${e.tagName}.${e.className} holds ${e.scrollWidth} px in ${e.clientWidth}`)
  }
  const lines = root => {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), boxes = []
    while (walker.nextNode()) {
      const node = walker.currentNode
      if (!node.data.trim() || !shown(node.parentElement) || node.parentElement.closest('svg, script, style')) continue
      const range = document.createRange(); range.selectNodeContents(node)
      for (const box of range.getClientRects()) if (box.width > 1) boxes.push([box, node.data.trim().slice(0, 40)])
    }
    return boxes
  }
  const overlap = (boxes, by) => {
    for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
      const [a, s] = boxes[i], [b, t] = boxes[j]
      const x = Math.min(a.right, b.right) - Math.max(a.left, b.left)
      const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
      if (x > by * 2 && y > Math.max(2, by * 0.35 * Math.min(a.height, b.height))) found.push(`'${s}' overlaps '${t}'`)
    }
  }
  for (const part of document.querySelectorAll('header, nav, section, footer')) {
    const boxes = lines(part)
    overlap(boxes, 1)
    for (const [box, text] of boxes)
      if (box.right > innerWidth + 1 || box.left < -1) found.push(`'${text}' leaves the page`)
  }
  for (const svg of document.querySelectorAll('figure svg')) {
    if (!shown(svg)) continue
    const frame = svg.getBoundingClientRect(), title = svg.getAttribute('aria-label'), boxes = []
    for (const e of svg.querySelectorAll('text')) {
      const box = e.getBoundingClientRect(), turned = box.height > 1.6 * box.width && e.textContent.length > 2
      if (!box.width) continue
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        found.push(`${title}: '${e.textContent}' is cut off`)
      if (!turned) boxes.push([box, `${title}: ${e.textContent}`])
    }
    overlap(boxes, 0.8)
  }
  return found
}"""  # noqa: E501


def detector_of(layers: int) -> Detector:
    """One crystal layer, or a sandwich of as many layers and 25 radiation lengths."""
    plates = BLOCK if layers == 1 else SANDWICH.format(repeat=90 // layers)
    return Detector.from_toml(DETECTOR.format(layers=layers, plates=plates, fraction=0.98 if layers == 1 else 0.2))


def samples_of(detector: Detector) -> list[Showers]:
    """A reference, its floor and six altered copies of further GFlash showers."""
    made = []
    with GFlash(detector) as gflash:
        for seed in range(2 + len(NAMES)):
            drawn = np.random.default_rng(seed)
            incidents = Incidents.make(
                "e-", drawn.uniform(2e3, 2e4, SHOWERS),
                theta=drawn.uniform(0, 0.1, SHOWERS), phi=drawn.uniform(0, 6, SHOWERS),
                position=np.column_stack([drawn.uniform(-6, 6, (SHOWERS, 2)), np.zeros(SHOWERS)]),
                shower_id=np.arange(SHOWERS) + SHOWERS * seed,
            )  # fmt: skip
            made.append(gflash.simulate(incidents, seed))
    return [*made[:2], *(_altered(showers, k) for k, showers in enumerate(made[2:]))]


def _altered(showers: Showers, k: int) -> Showers:
    """Energies that are off by k per cent and smeared cell by cell, with a record of a training for one in two."""
    noise = np.random.default_rng(k).normal(1 + 0.01 * k, 0.02 * k, showers.energies.shape)
    energies = np.ascontiguousarray(showers.energies * np.clip(noise, 0, 2), np.float32)
    steps = np.arange(100, 3100, 100)
    losses = [[int(step), 40.0 + 60 * np.exp(-step / 400), 41.0 + 60 * np.exp(-step / 400) + 1e-6 * step**2]
              for step in steps]  # fmt: skip
    record = {"parameters": 481516, "seconds": 2342.0, "best": {"flow": [41.0, 1800]}, "losses": losses}
    training = {"training": {"n_showers": 20000, "steps": 3000, "threads": 2, "record": record}}
    return replace(showers, energies=energies, provenance=showers.provenance | (training if k % 2 == 0 else {}))


def write_pages(folder: Path, layers: int, numbers: tuple[int, ...] = CANDIDATES) -> Iterator[tuple[int, Path]]:
    """Reports in a folder, with the number of their candidates.

    One candidate is measured; the others have its numbers, since the layout does not depend on them.
    """
    reference, floor, *others = samples_of(detector_of(layers))
    prepared = prepare(reference, {NAMES[0]: others[0]}, floor, reweight=False, seed=0)
    measured = measure(prepared, QUICK, 1, 1, lambda _: None, training=others[-1])
    for n in numbers:
        path = folder / f"report-{n}-{layers}.html"
        named = dict(zip(NAMES[:n], others, strict=False))
        times = {name: {str(size): {"ms": 12.5 / size, "std": 0.1} for size in (1, 10, 100, 1000)} for name in named}
        found = measured["candidates"][NAMES[0]]
        metrics = measured | {
            "candidates": {name: found | {"provenance": showers.provenance} for name, showers in named.items()},
            "seconds": 61.0,
            "timings": TIMINGS | {"simulators": times},
        }
        if not path.exists():
            write_report(path, prepare(reference, named, floor, reweight=False, seed=0), finite(metrics))
        yield n, path


def pictures(browser: "Browser", page: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Pictures of a page in both widths and colours, beside it, and what is wrong with its layout."""
    for width in WIDTHS:
        for colours in COLOURS:
            tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=colours)
            tab.set_default_timeout(0)  # a busy machine takes minutes
            tab.goto(page.absolute().as_uri())
            tab.screenshot(path=page.with_name(f"{name}-{width}-{colours}.png"), full_page=True)
            yield f"{name}-{width}-{colours}", sorted(set(tab.evaluate(FAULTS)))
            tab.close()


def main() -> None:
    """Write all reports, take all pictures, and print the faults."""
    from playwright.sync_api import sync_playwright

    folder, chromium, *layers = sys.argv[1:]
    Path(folder).mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for number in map(int, layers or LAYERS):
            for n, page in list(write_pages(Path(folder), number)):
                for name, faults in pictures(browser, page, f"{n}-{number}"):
                    print(name, *faults, sep="\n   ", flush=True)  # noqa: T201
        browser.close()


if __name__ == "__main__":
    main()
