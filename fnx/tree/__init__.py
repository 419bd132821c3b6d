"""Tree: pytrees: nested containers, taken apart into leaves and a `TreeDef`, and put together.

Containers are ``None`` (no leaves), tuples, named tuples, lists, dicts (in the order of their
sorted keys), ``OrderedDict``, ``defaultdict``, and every class that was given to `register`.
Anything else is a leaf.
"""

from fnx.errors import TreeError as TreeError
from fnx.tree.containers import register as register
from fnx.tree.containers import register_dataclass as register_dataclass
from fnx.tree.flattening import broadcast_prefix as broadcast_prefix
from fnx.tree.flattening import flatten as flatten
from fnx.tree.flattening import flatten_up_to as flatten_up_to
from fnx.tree.flattening import flatten_with_path as flatten_with_path
from fnx.tree.flattening import leaves as leaves
from fnx.tree.flattening import paths as paths
from fnx.tree.flattening import structure as structure
from fnx.tree.flattening import unflatten as unflatten
from fnx.tree.mapping import all as all
from fnx.tree.mapping import map as map
from fnx.tree.mapping import map_with_path as map_with_path
from fnx.tree.mapping import reduce as reduce
from fnx.tree.mapping import transpose as transpose
from fnx.tree.structures import TreeDef as TreeDef
from fnx.tree.structures import container_functions as container_functions
