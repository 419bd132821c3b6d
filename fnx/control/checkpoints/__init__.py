"""Checkpoints: functions whose values are computed again when derivatives need them."""
