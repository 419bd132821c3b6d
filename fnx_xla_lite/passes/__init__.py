"""Passes: HloModule -> HloModule, one file each; ``pipeline.py`` lists them in order."""
