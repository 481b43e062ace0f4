"""FAST.AR, an autoregressive network whose cells follow mixture densities."""
