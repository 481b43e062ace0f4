"""FAST.AR, the autoregressive mixture network."""
