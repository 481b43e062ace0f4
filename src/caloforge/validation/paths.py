"""Files that a validation writes into its folder."""

METRICS = "metrics.json"
REPORT = "report.html"
PDF = "report.pdf"
