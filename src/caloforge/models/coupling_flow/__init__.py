"""The coupling flow, and the feed-forward student that learns from its pairs of noise and cells."""
