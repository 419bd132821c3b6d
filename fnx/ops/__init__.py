"""Ops: every first-order primitive, one block each, and the strict public function that applies it."""
