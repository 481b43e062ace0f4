"""Normalising flows: coupling flows, masked autoregressive flows, and the splines that both use."""
