"""The coupling flow, and the student that learns pairs from it."""
