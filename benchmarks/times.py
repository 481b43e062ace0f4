"""Times of simulators for the tables of the model pages."""

from typing import Any

from caloforge.simulators.learned import CHUNK


def milliseconds(rows: dict[str, Any], batch: int) -> str:
    """Milliseconds per shower and their spread; those of the largest timed batch if this one takes too long.

    The passes have the same size, since learned simulators divide large batches.
    """
    if row := rows.get(str(batch)):
        return f"{row['ms']:.3g} ± {row['std']:.1g}"
    largest = max(rows, key=int, default="0")
    return f"{rows[largest]['ms']:.3g} (as {largest})" if int(largest) >= CHUNK else "-"
