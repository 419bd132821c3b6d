"""Data: a prefetching loader, and the digits that ship with fnx."""

from fnx.core.tracebacks import publish as _publish
from fnx.data.digits import digits as digits
from fnx.data.loader import DataLoader as DataLoader

_publish(globals())
