"""Times of simulators as the model pages' tables show them."""

from typing import Any

from caloforge.simulators.learned import CHUNK


def milliseconds(rows: dict[str, Any], batch: int) -> str:
    """Milliseconds per shower and their spread; of the largest batch timed where this one takes too long to time.

    That is a pass of the same size: learned simulators cut large batches into parts.
    """
    if row := rows.get(str(batch)):
        return f"{row['ms']:.3g} ± {row['std']:.1g}"
    largest = max(rows, key=int, default="0")
    return f"{rows[largest]['ms']:.3g} (as {largest})" if int(largest) >= CHUNK else "-"
