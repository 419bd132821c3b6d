"""fnx.numpy: NumPy's functions on arrays that can be traced, differentiated, mapped and compiled.

The façade: every public name comes from a module of this package.
"""

import math

import ml_dtypes
import numpy as np

from fnx.core.array import Array as _Array
from fnx.core.trace import Tracer as _Tracer
from fnx.core.tracebacks import publish as _publish
from fnx.numpy.arithmetic import add as add
from fnx.numpy.arithmetic import atan2 as atan2
from fnx.numpy.arithmetic import copysign as copysign
from fnx.numpy.arithmetic import divide as divide
from fnx.numpy.arithmetic import divmod as divmod
from fnx.numpy.arithmetic import float_power as float_power
from fnx.numpy.arithmetic import floor_divide as floor_divide
from fnx.numpy.arithmetic import fmax as fmax
from fnx.numpy.arithmetic import fmin as fmin
from fnx.numpy.arithmetic import fmod as fmod
from fnx.numpy.arithmetic import heaviside as heaviside
from fnx.numpy.arithmetic import hypot as hypot
from fnx.numpy.arithmetic import ldexp as ldexp
from fnx.numpy.arithmetic import logaddexp as logaddexp
from fnx.numpy.arithmetic import logaddexp2 as logaddexp2
from fnx.numpy.arithmetic import maximum as maximum
from fnx.numpy.arithmetic import minimum as minimum
from fnx.numpy.arithmetic import modf as modf
from fnx.numpy.arithmetic import multiply as multiply
from fnx.numpy.arithmetic import nextafter as nextafter
from fnx.numpy.arithmetic import power as power
from fnx.numpy.arithmetic import remainder as remainder
from fnx.numpy.arithmetic import subtract as subtract
from fnx.numpy.closeness import allclose as allclose
from fnx.numpy.closeness import array_equal as array_equal
from fnx.numpy.closeness import isclose as isclose
from fnx.numpy.closeness import isin as isin
from fnx.numpy.conversion import array as array
from fnx.numpy.conversion import asarray as asarray
from fnx.numpy.conversion import astype as astype
from fnx.numpy.conversion import from_dlpack as from_dlpack
from fnx.numpy.conversion import frombuffer as frombuffer
from fnx.numpy.creation import arange as arange
from fnx.numpy.creation import empty as empty
from fnx.numpy.creation import empty_like as empty_like
from fnx.numpy.creation import full as full
from fnx.numpy.creation import full_like as full_like
from fnx.numpy.creation import linspace as linspace
from fnx.numpy.creation import logspace as logspace
from fnx.numpy.creation import ones as ones
from fnx.numpy.creation import ones_like as ones_like
from fnx.numpy.creation import zeros as zeros
from fnx.numpy.creation import zeros_like as zeros_like
from fnx.numpy.dtype_questions import __array_namespace_info__ as __array_namespace_info__
from fnx.numpy.dtype_questions import can_cast as can_cast
from fnx.numpy.dtype_questions import finfo as finfo
from fnx.numpy.dtype_questions import iinfo as iinfo
from fnx.numpy.dtype_questions import isdtype as isdtype
from fnx.numpy.dtype_questions import issubdtype as issubdtype
from fnx.numpy.dtype_questions import promote_types as promote_types
from fnx.numpy.dtype_questions import result_type as result_type
from fnx.numpy.einsum import einsum as einsum
from fnx.numpy.elementwise import abs as abs
from fnx.numpy.elementwise import acos as acos
from fnx.numpy.elementwise import acosh as acosh
from fnx.numpy.elementwise import asin as asin
from fnx.numpy.elementwise import asinh as asinh
from fnx.numpy.elementwise import atan as atan
from fnx.numpy.elementwise import atanh as atanh
from fnx.numpy.elementwise import cbrt as cbrt
from fnx.numpy.elementwise import ceil as ceil
from fnx.numpy.elementwise import conj as conj
from fnx.numpy.elementwise import cos as cos
from fnx.numpy.elementwise import cosh as cosh
from fnx.numpy.elementwise import deg2rad as deg2rad
from fnx.numpy.elementwise import exp as exp
from fnx.numpy.elementwise import exp2 as exp2
from fnx.numpy.elementwise import expm1 as expm1
from fnx.numpy.elementwise import floor as floor
from fnx.numpy.elementwise import imag as imag
from fnx.numpy.elementwise import isfinite as isfinite
from fnx.numpy.elementwise import isinf as isinf
from fnx.numpy.elementwise import isnan as isnan
from fnx.numpy.elementwise import isneginf as isneginf
from fnx.numpy.elementwise import isposinf as isposinf
from fnx.numpy.elementwise import isreal as isreal
from fnx.numpy.elementwise import log as log
from fnx.numpy.elementwise import log1p as log1p
from fnx.numpy.elementwise import log2 as log2
from fnx.numpy.elementwise import log10 as log10
from fnx.numpy.elementwise import nan_to_num as nan_to_num
from fnx.numpy.elementwise import negative as negative
from fnx.numpy.elementwise import positive as positive
from fnx.numpy.elementwise import rad2deg as rad2deg
from fnx.numpy.elementwise import real as real
from fnx.numpy.elementwise import reciprocal as reciprocal
from fnx.numpy.elementwise import rint as rint
from fnx.numpy.elementwise import round as round
from fnx.numpy.elementwise import rsqrt as rsqrt
from fnx.numpy.elementwise import sign as sign
from fnx.numpy.elementwise import signbit as signbit
from fnx.numpy.elementwise import sin as sin
from fnx.numpy.elementwise import sinc as sinc
from fnx.numpy.elementwise import sinh as sinh
from fnx.numpy.elementwise import sqrt as sqrt
from fnx.numpy.elementwise import square as square
from fnx.numpy.elementwise import tan as tan
from fnx.numpy.elementwise import tanh as tanh
from fnx.numpy.elementwise import trunc as trunc
from fnx.numpy.grids import eye as eye
from fnx.numpy.grids import identity as identity
from fnx.numpy.grids import meshgrid as meshgrid
from fnx.numpy.grids import tri as tri
from fnx.numpy.grids import tril as tril
from fnx.numpy.grids import triu as triu
from fnx.numpy.joining import array_split as array_split
from fnx.numpy.joining import concat as concat
from fnx.numpy.joining import concatenate as concatenate
from fnx.numpy.joining import flip as flip
from fnx.numpy.joining import hstack as hstack
from fnx.numpy.joining import repeat as repeat
from fnx.numpy.joining import roll as roll
from fnx.numpy.joining import split as split
from fnx.numpy.joining import stack as stack
from fnx.numpy.joining import tile as tile
from fnx.numpy.joining import unstack as unstack
from fnx.numpy.joining import vstack as vstack
from fnx.numpy.logic import bitwise_and as bitwise_and
from fnx.numpy.logic import bitwise_count as bitwise_count
from fnx.numpy.logic import bitwise_invert as bitwise_invert
from fnx.numpy.logic import bitwise_left_shift as bitwise_left_shift
from fnx.numpy.logic import bitwise_or as bitwise_or
from fnx.numpy.logic import bitwise_right_shift as bitwise_right_shift
from fnx.numpy.logic import bitwise_xor as bitwise_xor
from fnx.numpy.logic import equal as equal
from fnx.numpy.logic import greater as greater
from fnx.numpy.logic import greater_equal as greater_equal
from fnx.numpy.logic import less as less
from fnx.numpy.logic import less_equal as less_equal
from fnx.numpy.logic import logical_and as logical_and
from fnx.numpy.logic import logical_not as logical_not
from fnx.numpy.logic import logical_or as logical_or
from fnx.numpy.logic import logical_xor as logical_xor
from fnx.numpy.logic import not_equal as not_equal
from fnx.numpy.matrices import cross as cross
from fnx.numpy.matrices import diag as diag
from fnx.numpy.matrices import diagonal as diagonal
from fnx.numpy.matrices import kron as kron
from fnx.numpy.matrices import trace as trace
from fnx.numpy.matrices import vector_norm as vector_norm
from fnx.numpy.operators import install as _install
from fnx.numpy.padding import pad as pad
from fnx.numpy.products import dot as dot
from fnx.numpy.products import inner as inner
from fnx.numpy.products import matmul as matmul
from fnx.numpy.products import outer as outer
from fnx.numpy.products import tensordot as tensordot
from fnx.numpy.products import vdot as vdot
from fnx.numpy.products import vecdot as vecdot
from fnx.numpy.reductions import all as all
from fnx.numpy.reductions import any as any
from fnx.numpy.reductions import argmax as argmax
from fnx.numpy.reductions import argmin as argmin
from fnx.numpy.reductions import count_nonzero as count_nonzero
from fnx.numpy.reductions import max as max
from fnx.numpy.reductions import min as min
from fnx.numpy.reductions import prod as prod
from fnx.numpy.reductions import ptp as ptp
from fnx.numpy.reductions import sum as sum
from fnx.numpy.selection import argwhere as argwhere
from fnx.numpy.selection import clip as clip
from fnx.numpy.selection import compress as compress
from fnx.numpy.selection import nonzero as nonzero
from fnx.numpy.selection import select as select
from fnx.numpy.selection import take as take
from fnx.numpy.selection import take_along_axis as take_along_axis
from fnx.numpy.selection import where as where
from fnx.numpy.shaping import atleast_1d as atleast_1d
from fnx.numpy.shaping import atleast_2d as atleast_2d
from fnx.numpy.shaping import atleast_3d as atleast_3d
from fnx.numpy.shaping import broadcast_arrays as broadcast_arrays
from fnx.numpy.shaping import broadcast_shapes as broadcast_shapes
from fnx.numpy.shaping import broadcast_to as broadcast_to
from fnx.numpy.shaping import expand_dims as expand_dims
from fnx.numpy.shaping import matrix_transpose as matrix_transpose
from fnx.numpy.shaping import moveaxis as moveaxis
from fnx.numpy.shaping import permute_dims as permute_dims
from fnx.numpy.shaping import ravel as ravel
from fnx.numpy.shaping import reshape as reshape
from fnx.numpy.shaping import squeeze as squeeze
from fnx.numpy.shaping import swapaxes as swapaxes
from fnx.numpy.shaping import transpose as transpose
from fnx.numpy.statistics import average as average
from fnx.numpy.statistics import cumprod as cumprod
from fnx.numpy.statistics import cumsum as cumsum
from fnx.numpy.statistics import cumulative_prod as cumulative_prod
from fnx.numpy.statistics import cumulative_sum as cumulative_sum
from fnx.numpy.statistics import diff as diff
from fnx.numpy.statistics import logsumexp as logsumexp
from fnx.numpy.statistics import mean as mean
from fnx.numpy.statistics import std as std
from fnx.numpy.statistics import var as var

arctan2 = atan2
true_divide = divide
pow = power
mod = remainder
absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctanh = atanh
radians = deg2rad
degrees = rad2deg
bitwise_not = bitwise_invert
invert = bitwise_invert
left_shift = bitwise_left_shift
right_shift = bitwise_right_shift
amax = max
amin = min

ndarray = _Array
newaxis = None
inf = math.inf
nan = math.nan
pi = math.pi
e = math.e

bool = bool_ = np.bool_
int8 = np.int8
int16 = np.int16
int32 = np.int32
int64 = np.int64
uint8 = np.uint8
uint16 = np.uint16
uint32 = np.uint32
uint64 = np.uint64
float16 = np.float16
float32 = np.float32
float64 = np.float64
bfloat16 = ml_dtypes.bfloat16
float8_e4m3fn = ml_dtypes.float8_e4m3fn
float8_e5m2 = ml_dtypes.float8_e5m2

for _cls in (_Array, _Tracer):
    _install(_cls)

_publish(globals())
