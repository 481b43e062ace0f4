"""Detector and provenance as texts (TObjString) of a ROOT file."""

import json
from contextlib import suppress
from typing import Any

from caloforge.showers.container import Showers

MAX_TEXT = 16 * 2**20  # bytes of detector or provenance


def texts_of(showers: Showers) -> dict[str, str]:
    """Texts that tell detector and provenance."""
    return {"detector": showers.detector.toml, "provenance": json.dumps(showers.provenance)}


def read_texts(file: Any) -> dict[str, Any]:
    """Detector (TOML) and provenance (a dictionary) of an open file, as far as it has them."""
    kinds = {name.partition(";")[0]: kind for name, kind in file.classnames(recursive=False).items()}
    found: dict[str, Any] = {
        name: str(file[name])[:MAX_TEXT] for name in ("detector", "provenance") if kinds.get(name) == "TObjString"
    }
    if "provenance" in found:
        text, values = found.pop("provenance"), None
        with suppress(ValueError, RecursionError):
            values = json.loads(text)
        if isinstance(values, dict):
            found["provenance"] = values
    return found
