"""Base of the types in metrics.json."""

from pydantic import BaseModel, ConfigDict

Number = float | None
"""A number; None if it is not finite."""


class Closed(BaseModel):
    """A type without other keys."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
