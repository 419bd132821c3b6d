"""Optimisers, schedules and clipping: pytrees of pure functions that compose with ``chain``."""

from fnx.core.tracebacks import publish as _publish
from fnx.optim.base import Optimizer as Optimizer
from fnx.optim.base import apply_updates as apply_updates
from fnx.optim.clipping import ClipByGlobalNorm as ClipByGlobalNorm
from fnx.optim.clipping import global_norm as global_norm
from fnx.optim.combine import Chain as Chain
from fnx.optim.combine import chain as chain
from fnx.optim.decay import AddDecayedWeights as AddDecayedWeights
from fnx.optim.heavy_ball import Momentum as Momentum
from fnx.optim.recipes import adam as adam
from fnx.optim.recipes import adamw as adamw
from fnx.optim.recipes import clip_by_global_norm as clip_by_global_norm
from fnx.optim.recipes import rmsprop as rmsprop
from fnx.optim.recipes import sgd as sgd
from fnx.optim.scaling import ScaleByAdam as ScaleByAdam
from fnx.optim.scaling import ScaleByLearningRate as ScaleByLearningRate
from fnx.optim.scaling import ScaleByRms as ScaleByRms
from fnx.optim.schedules import Constant as Constant
from fnx.optim.schedules import Cosine as Cosine
from fnx.optim.schedules import Function as Function
from fnx.optim.schedules import Linear as Linear
from fnx.optim.schedules import Schedule as Schedule
from fnx.optim.schedules import Step as Step
from fnx.optim.schedules import Warmup as Warmup

_publish(globals())
