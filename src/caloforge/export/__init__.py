"""Trained models as self-contained ONNX files in physical units."""

from caloforge.export.onnx import ExportSummary, export

__all__ = ["ExportSummary", "export"]
