"""Search for hyper-parameters: trials are ordinary run directories on shared showers, in one Optuna study.

`config` imports nothing of the other rooms, since the config of a run holds the table `[search]`.
"""
