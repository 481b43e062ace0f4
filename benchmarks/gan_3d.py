"""The plots and tables of the 3D GAN's talk, for any simulators, from Geant4 showers and exported models.

python benchmarks/gan_3d.py REFERENCE.h5 MODEL.onnx gflash --training TRAIN.h5 [--run RUN] -o FOLDER

They show shower shapes along each axis, sampling fraction and position of the maximum against energy, the talk's cost
function, mean and width of the total energy, and milliseconds per shower on one core. They also show the energy that a
network trained on Geant4's showers reconstructs and, with --run, that of the GAN's discriminator.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from caloforge.detector import Detector
from caloforge.errors import InputError
from caloforge.models import Batch
from caloforge.models.base import shared_grid
from caloforge.models.gan_3d.images import image_cost
from caloforge.models.gan_3d.model import Gan3DModel
from caloforge.showers import Showers, read
from caloforge.simulators import create, labelled
from caloforge.training import check_trained, load_model
from caloforge.validation.analysis import EnergyRegression
from caloforge.validation.recipes import RECIPES

Floats = NDArray[np.float64]
Samples = dict[str, Showers]
BATCHES = (1, 100, 128, 1000)
BINS = 5
FULL = "Geant4"
LARGE_SHARE = 0.05  # share of the energy from which a layer must have the right mean
AXES = ("layer", "x", "y")


def energy_ranges(energy: Floats) -> list[tuple[float, float]]:
    """Equally wide ranges of incident energy [MeV]."""
    edges = np.linspace(energy.min(), energy.max() * (1 + 1e-9), BINS + 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def within(showers: Showers, bounds: tuple[float, float]) -> Showers:
    """Showers whose incident energy is in a range."""
    energy = showers.incidents.energy
    return showers[(energy >= bounds[0]) & (energy < bounds[1])]


def along(showers: Showers, axis: int) -> Floats:
    """Energy along an axis (N, cells) [MeV]: layer 0, x 1, y 2."""
    detector = showers.detector
    grid = shared_grid(detector, "gan-3d").shape
    image = showers.thresholded().reshape(len(showers), len(detector.layers), *grid)
    return np.asarray(image.sum(tuple({1, 2, 3} - {axis + 1}), dtype=np.float64))


def response(showers: Showers) -> Floats:
    """Total energy over incident energy (N,)."""
    return np.asarray(along(showers, 0).sum(1) / showers.incidents.energy)


def mean_error(values: Floats) -> tuple[float, float]:
    """Mean and its statistical error."""
    return float(values.mean()), float(values.std() / np.sqrt(len(values)))


def maximum(showers: Showers) -> Floats:
    """Layer with the largest energy (N,), counted from 1."""
    return np.asarray(along(showers, 0).argmax(1) + 1.0)


def depth_centre(showers: Showers) -> Floats:
    """Energy-weighted mean depth (N,) [mm]."""
    layers = along(showers, 0)
    return np.asarray(layers @ np.array([layer.z for layer in showers.detector.layers]) / layers.sum(1))


def against_energy(samples: Samples, quantity: Callable[[Showers], Floats], scale: float) -> list[list[str]]:
    """Rows of a quantity's mean and error in each range of energy, one column per sample."""
    rows = []
    for bounds in energy_ranges(samples[FULL].incidents.energy):
        values = (mean_error(scale * quantity(within(showers, bounds))) for showers in samples.values())
        rows.append([_range(bounds), *(f"{mean:.3f} +- {error:.3f}" for mean, error in values)])
    return rows


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0] / 1e3:.0f}-{bounds[1] / 1e3:.0f}"


def goals(samples: Samples) -> list[list[str]]:
    """Rows by sample: worst large layer, and widths of total and centre over Geant4's, with statistical errors."""
    full = samples[FULL]
    layers = along(full, 0) / full.incidents.energy[:, None]
    large = np.flatnonzero(layers.mean(0) > LARGE_SHARE * layers.mean(0).sum())
    rows = []
    for name, showers in samples.items():
        drawn = along(showers, 0) / showers.incidents.energy[:, None]
        off = (drawn.mean(0) / layers.mean(0) - 1)[large]
        paired = np.hypot(drawn.std(0), layers.std(0))[large] / layers.mean(0)[large] / np.sqrt(len(full))
        beyond = np.abs(off) / np.maximum(0.02, 2 * paired)  # above 1: off by more than 2 % and two errors
        worst = beyond.argmax()
        width = total_width(showers) / total_width(full)
        centre = depth_centre(showers).mean() / depth_centre(full).mean() - 1
        rows.append([name, f"{100 * off[worst]:+.1f} +- {100 * paired[worst]:.1f} % (layer {large[worst] + 1})",
                     f"{(beyond > 1).sum()} of {len(large)}", f"{width:.3f} +- {width / np.sqrt(len(full)):.3f}",
                     f"{100 * centre:+.2f} %"])  # fmt: skip
    return rows


def total_width(showers: Showers) -> float:
    """Standard deviation of the response over its mean, after a straight line in ln E is subtracted."""
    values, log_energy = response(showers), np.log(showers.incidents.energy)
    residual = values - np.polyval(np.polyfit(log_energy, values, 1), log_energy)
    return float(residual.std() / values.mean())


def regression(training: Showers, samples: Samples, seed: int = 1) -> list[list[str]]:
    """Rows of bias and resolution of the energy that a network trained on Geant4 showers reconstructs."""
    network = EnergyRegression(training, RECIPES["default"], seed)
    results = [network(showers) for showers in samples.values()]
    rows = []
    for ranges in zip(*results, strict=True):
        cells = [
            f"{100 * r['bias']:+.2f} +- {100 * r['bias_error']:.2f}, {100 * r['resolution']:.2f}"
            if r["bias"] is not None else "-" for r in ranges
        ]  # fmt: skip
        rows.append([_range(ranges[0]["energy"]), *cells])
    return rows


def discriminated(run: Path, samples: Samples) -> list[list[str]]:
    """Rows of bias and resolution of the energy that the discriminator of a run reconstructs, as in the talk.

    One of its two images is in units of the incident energy, so that it has more information than a detector.
    """
    model = load_model(check_trained(run))
    if not isinstance(model, Gan3DModel):
        raise InputError(f"{run} holds no gan-3d, whose discriminator reconstructs energies")
    ratios = {name: reconstructed(model, showers) / showers.incidents.energy for name, showers in samples.items()}
    rows = []
    for bounds in energy_ranges(samples[FULL].incidents.energy):
        cells = []
        for name, showers in samples.items():
            energy = showers.incidents.energy
            ratio = ratios[name][(energy >= bounds[0]) & (energy < bounds[1])]
            mean, error = mean_error(ratio)
            cells.append(f"{100 * (mean - 1):+.2f} +- {100 * error:.2f}, {100 * ratio.std():.2f}")
        rows.append([_range(bounds), *cells])
    return rows


def reconstructed(model: Gan3DModel, showers: Showers) -> Floats:
    """Energies (N,) [MeV] that the discriminator reconstructs from its images."""
    parts = (Batch.of(showers[i : i + 100]) for i in range(0, len(showers), 100))
    with torch.no_grad():
        energies = [model.verdict(model.cells.heights(part), part.incidents).energy for part in parts]
    return np.asarray(torch.cat(energies)[:, 0].double().numpy())


def costs(samples: Samples) -> list[list[str]]:
    """Rows of the talk's cost function: the second half of each sample against the first half of Geant4's."""
    half = len(samples[FULL]) // 2
    reference = samples[FULL][:half]
    return [[name, f"{cost(reference, showers[half : 2 * half]):.4f}"] for name, showers in samples.items()]


def cost(real: Showers, drawn: Showers) -> float:
    """Distance in energy along each axis and in positions of the maximum (`image_cost`), by incident energy."""
    cells = [torch.from_numpy(s.thresholded() / s.incidents.energy[:, None]) for s in (real, drawn)]
    grid = (len(real.detector.layers), *shared_grid(real.detector, "gan-3d").shape)
    return float(image_cost(cells[0], cells[1], torch.ones(1, 1), grid))


def milliseconds(name: str, showers: Showers, detector: Detector) -> list[str]:
    """Row of a simulator's least time per shower at each batch, on one core."""
    simulator = create(name, detector)
    row = []
    for batch in BATCHES:
        rows = np.arange(batch) % len(showers)
        seconds: list[float] = []
        while sum(seconds) < 2.0 or len(seconds) < 2:
            begin = time.perf_counter()
            simulator.simulate(showers.incidents[rows], 1)
            seconds.append(time.perf_counter() - begin)
        row.append(f"{1e3 * min(seconds) / batch:.2f}")
    simulator.close()
    return row


def table(header: list[str], rows: list[list[str]]) -> str:
    """Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw_shapes(samples: Samples, folder: Path) -> None:
    """Draw one figure per range of energy, with the mean energy along each axis."""
    from matplotlib.figure import Figure

    for bounds in energy_ranges(samples[FULL].incidents.energy):
        figure = Figure(figsize=(12, 3.6), layout="constrained")
        for axis, (name, plot) in enumerate(zip(AXES, figure.subplots(1, 3), strict=True)):
            for label, showers in samples.items():
                profile = along(within(showers, bounds), axis).mean(0)
                plot.stairs(profile, np.arange(len(profile) + 1) + 0.5, label=label)
            plot.set(xlabel=name, ylabel="mean energy [MeV]", yscale="linear" if axis == 0 else "log")
        figure.axes[0].legend(title=f"{_range(bounds)} GeV")
        figure.savefig(folder / f"shapes_{_range(bounds)}_GeV.png", dpi=120)


def draw_against_energy(samples: Samples, folder: Path) -> None:
    """Draw sampling fraction and position of the maximum against incident energy."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.6), layout="constrained")
    quantities = (("sampling fraction", response), ("layer of the maximum", maximum))
    for (label, quantity), plot in zip(quantities, figure.subplots(1, 2), strict=True):
        for name, showers in samples.items():
            parts = [within(showers, bounds) for bounds in energy_ranges(samples[FULL].incidents.energy)]
            means, errors = np.transpose([mean_error(quantity(part)) for part in parts])
            centres = [part.incidents.energy.mean() / 1e3 for part in parts]
            plot.errorbar(centres, means, errors, marker="o", label=name)
        plot.set(xlabel="incident energy [GeV]", ylabel=label)
    figure.axes[0].legend()
    figure.savefig(folder / "against_energy.png", dpi=120)


def report(samples: Samples, training: Showers, times: list[list[str]], run: Path | None) -> str:
    """All tables as Markdown."""
    names = list(samples)
    parts = {
        "Goals (5 % layers within 2 % or 2 errors, width within 15 %, centre within 1 %)": table(
            ["sample", "worst large layer", "large layers off", "width of the total", "longitudinal centre"],
            goals(samples),
        ),
        "Sampling fraction [%] against energy [GeV]": table(["GeV", *names], against_energy(samples, response, 100)),
        "Layer of the maximum against energy [GeV]": table(["GeV", *names], against_energy(samples, maximum, 1)),
        "Energy regression: bias and resolution [%] against energy [GeV]": table(
            ["GeV", *names], regression(training, samples)
        ),
        "Cost function: energy along each axis and position of the maximum": table(["sample", "cost"], costs(samples)),
        "Milliseconds per shower, one core, by batch": table(["simulator", *map(str, BATCHES)], times),
    }
    if run is not None:
        title = "The discriminator's energy, one image in units of E: bias and resolution [%] against energy [GeV]"
        parts[title] = table(["GeV", *names], discriminated(run, samples))
    return "\n\n".join(f"### {title}\n\n{body}" for title, body in parts.items()) + "\n"


def main() -> None:
    """Simulate, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, help="Geant4 showers that no model has seen")
    parser.add_argument("simulators", nargs="+", help="exported models, gflash, frozen=LIBRARY.h5")
    parser.add_argument("--training", type=Path, required=True, help="Geant4 showers that train the energy regression")
    parser.add_argument("--run", type=Path, help="run directory of the GAN, for its discriminator's regression")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for figures and tables.md")
    arguments = parser.parse_args()
    reference, training = read(arguments.reference), read(arguments.training)
    arguments.output.mkdir(parents=True, exist_ok=True)
    samples = {FULL: reference}
    calls = labelled(arguments.simulators)
    for label, call in calls.items():
        simulator = create(call, reference.detector)
        samples[label] = simulator.simulate(reference.incidents, 2)
        simulator.close()
    times = [[label, *milliseconds(call, reference, reference.detector)] for label, call in calls.items()]
    draw_shapes(samples, arguments.output)
    draw_against_energy(samples, arguments.output)
    text = report(samples, training, times, arguments.run)
    (arguments.output / "tables.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
