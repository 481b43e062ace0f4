"""Parts that several models share: transforms of showers, conditions, distances, the response match."""
