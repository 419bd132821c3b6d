"""Random numbers from keys: pure functions, JAX's bits for the same seed, dtype and shape.

A key is a plain ``uint32[2]`` array. Bits come from Threefry-2x32 (Salmon et al., "Parallel random
numbers: as easy as 1, 2, 3", 2011) applied to the index of each element, as in JAX's default
("partitionable") generator.
"""

from fnx.core.tracebacks import publish as _publish
from fnx.random.distributions import bernoulli as bernoulli
from fnx.random.distributions import cauchy as cauchy
from fnx.random.distributions import exponential as exponential
from fnx.random.distributions import gumbel as gumbel
from fnx.random.distributions import laplace as laplace
from fnx.random.distributions import logistic as logistic
from fnx.random.distributions import normal as normal
from fnx.random.distributions import rademacher as rademacher
from fnx.random.distributions import truncated_normal as truncated_normal
from fnx.random.distributions import uniform as uniform
from fnx.random.integer_draws import randint as randint
from fnx.random.keys import PRNGKey as PRNGKey
from fnx.random.keys import bits as bits
from fnx.random.keys import fold_in as fold_in
from fnx.random.keys import key as key
from fnx.random.keys import split as split
from fnx.random.reuse import debug_key_reuse as debug_key_reuse
from fnx.random.selections import categorical as categorical
from fnx.random.selections import choice as choice
from fnx.random.selections import permutation as permutation

_publish(globals())
