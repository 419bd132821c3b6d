"""Layers, initialisers, activations and losses: pytrees of pure functions."""

from fnx.core.tracebacks import publish as _publish
from fnx.nn.activations import ACTIVATIONS as ACTIVATIONS
from fnx.nn.activations import elu as elu
from fnx.nn.activations import gelu as gelu
from fnx.nn.activations import identity as identity
from fnx.nn.activations import leaky_relu as leaky_relu
from fnx.nn.activations import log_softmax as log_softmax
from fnx.nn.activations import relu as relu
from fnx.nn.activations import selu as selu
from fnx.nn.activations import sigmoid as sigmoid
from fnx.nn.activations import silu as silu
from fnx.nn.activations import softmax as softmax
from fnx.nn.activations import softplus as softplus
from fnx.nn.activations import tanh as tanh
from fnx.nn.containers import Lambda as Lambda
from fnx.nn.containers import Sequential as Sequential
from fnx.nn.containers import mlp as mlp
from fnx.nn.dense import Dense as Dense
from fnx.nn.initializers import for_activation as for_activation
from fnx.nn.initializers import glorot_normal as glorot_normal
from fnx.nn.initializers import glorot_uniform as glorot_uniform
from fnx.nn.initializers import he_normal as he_normal
from fnx.nn.initializers import he_uniform as he_uniform
from fnx.nn.initializers import lecun_normal as lecun_normal
from fnx.nn.initializers import lecun_uniform as lecun_uniform
from fnx.nn.initializers import ones as ones
from fnx.nn.initializers import variance_scaling as variance_scaling
from fnx.nn.initializers import zeros as zeros
from fnx.nn.losses import accuracy as accuracy
from fnx.nn.losses import cross_entropy as cross_entropy
from fnx.nn.losses import mse as mse
from fnx.nn.module import Module as Module
from fnx.nn.module import static as static

_publish(globals())
