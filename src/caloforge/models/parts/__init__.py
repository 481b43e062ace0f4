"""Parts that several models share: transforms of showers, conditions, distances and the response match."""
