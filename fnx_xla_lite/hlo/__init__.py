"""The HLO level.

StableHLO's operations as frozen data, with a builder, verifier, text and reference meaning.
"""
