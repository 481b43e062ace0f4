"""Normalising flows: coupling and masked autoregressive ones, and the splines they share."""
