"""From prediction lines to numbers: metrics, their intervals, calibration and baselines."""
