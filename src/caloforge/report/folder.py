"""A validation in one folder: the measured numbers, `metrics.json`, and the page that shows them, `report.html`."""

import time
from pathlib import Path

from caloforge.errors import RunError
from caloforge.seeds import check_seed
from caloforge.showers import Showers
from caloforge.validation.analysis import check_background
from caloforge.validation.benchmark import Metrics, check_judges, finite, make_folder, measure, write_metrics
from caloforge.validation.paths import METRICS, REPORT
from caloforge.validation.progress import steps
from caloforge.validation.samples import check_apart, check_unseen, prepare


def validate(
    reference: Showers,
    candidates: dict[str, Showers],
    out: Path,
    *,
    floor: Showers | None = None,
    training: Showers | None = None,
    background: Showers | None = None,
    recipe: str = "default",
    seed: int = 0,
    seeds: int = 3,
    timings: Metrics | None = None,
    reweight: bool = False,
    progress: bool = True,
) -> Metrics:
    """Judge candidates against Geant4 showers and write `metrics.json` and `report.html` into the folder `out`.

    Args:
        reference: Geant4 showers that no candidate was trained on.
        candidates: showers to judge, by name.
        out: folder, which is made if it is missing; its files are replaced whole.
        floor: independent Geant4 showers; without them the reference is split in two by position.
        training: showers that the candidates were trained on, for the memorisation test.
        background: Geant4 showers of another particle, for the identification test.
        recipe: "default", "quick", "calochallenge" or "caloflow".
        seed: seed of every random number; the same seed and threads give the same metrics.
        seeds: classifiers trained per view.
        timings: content of bench.json, which the report shows.
        reweight: whether samples of another spectrum are thinned at random until they follow the reference's.
        progress: whether to show a progress bar.

    Raises:
        InputError: samples that cannot be compared, an unknown recipe, or a folder that cannot be written.
        RunError: the report cannot be drawn; metrics.json has been written before.
    """
    from caloforge.report.page import write_report

    check_seed(seed)
    chosen = check_judges(recipe, seeds)
    check_apart(reference, {"floor": floor, "training": training})
    check_unseen(reference, candidates)
    if background is not None:
        check_background(reference, background)
    samples = prepare(reference, candidates, floor, reweight=reweight, seed=seed)
    make_folder(out)
    started = time.perf_counter()
    with steps(progress, samples, chosen) as tick:
        metrics = measure(samples, chosen, seed, seeds, tick, training=training, background=background)
        metrics["seconds"] = round(time.perf_counter() - started, 1)
        metrics["timings"] = timings
        write_metrics(out / METRICS, metrics)
        tick("report")
        try:
            write_report(out / REPORT, samples, finite(metrics))
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise RunError(f"the report failed ({reason}); the metrics are kept in {out / METRICS}") from error
    return metrics
