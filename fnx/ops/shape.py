"""Shape: the public functions that move elements without computing, under one name."""

from fnx.ops.joining import concatenate as concatenate
from fnx.ops.joining import reverse as reverse
from fnx.ops.layout import broadcast_in_dim as broadcast_in_dim
from fnx.ops.layout import expand_dims as expand_dims
from fnx.ops.layout import reshape as reshape
from fnx.ops.layout import squeeze as squeeze
from fnx.ops.layout import transpose as transpose
from fnx.ops.slicing import pad as pad
from fnx.ops.slicing import slice as slice
