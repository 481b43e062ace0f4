"""CaloFlow: teacher and student."""
