"""Base of the types in metrics.json."""

from pydantic import BaseModel, ConfigDict

Number = float | None
"""A number; None where it is not finite."""


class Closed(BaseModel):
    """No other keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
