"""Pytrees of different structures."""

from __future__ import annotations

import dataclasses

import fnx
import fnx.numpy as np
from fnx import tree
from fnx.errors import FnxTypeError
from fnx.tree import TreeError
from tests.errors.mistake import mistake


@mistake(
    "Mapping over trees of different structure",
    TreeError,
    at="tree.map",
    got="got tuple",
    wanted="expected a list at ['w']",
    write="Trees that go together have one structure",
)
def different_types():
    params, grads = {"w": [np.ones(3), np.ones(2)]}, {"w": (np.ones(3), np.ones(2))}
    return tree.map(np.add, params, grads)


@different_types.mended
def different_types():
    params, grads = {"w": [np.ones(3), np.ones(2)]}, {"w": [np.ones(3), np.ones(2)]}
    return tree.map(np.add, params, grads)


@mistake(
    "Mapping over dicts with different keys",
    TreeError,
    at="tree.map",
    got="not expected ['w']",
    wanted="missing ['weight']",
    write="Trees that go together have one structure",
)
def different_keys():
    params, grads = {"weight": np.ones(3)}, {"w": np.ones(3)}
    return tree.map(np.add, params, grads)


@different_keys.mended
def different_keys():
    params, grads = {"weight": np.ones(3)}, {"weight": np.ones(3)}
    return tree.map(np.add, params, grads)


@mistake(
    "Too few leaves for a structure",
    TreeError,
    at="tree.unflatten",
    got="got 1",
    wanted="expected 2 leaves",
    write="as many leaves as flatten returned",
)
def leaf_count():
    leaves, structure = tree.flatten({"w": 1.0, "b": 2.0})
    return tree.unflatten(structure, leaves[:1])


@leaf_count.mended
def leaf_count():
    leaves, structure = tree.flatten({"w": 1.0, "b": 2.0})
    return tree.unflatten(structure, leaves)


@mistake(
    "A dict whose keys have no order",
    TreeError,
    at="tree.leaves",
    got="got keys of ['complex']",
    wanted="have no order",
    write="Use keys that can be sorted",
)
def unordered_keys():
    return tree.leaves({1j: 1.0, 2j: 3.0})


@unordered_keys.mended
def unordered_keys():
    return tree.leaves({1: 1.0, 2: 3.0})


@mistake(
    "Registering a class twice",
    TreeError,
    at="tree.register(Pair",
    got="got Pair",
    wanted="expected a new class",
    write="Register a class once",
)
def registered_twice():
    class Pair:
        pass

    for _ in range(2):
        tree.register(Pair, lambda p: ((), None), lambda aux, children: Pair())


@registered_twice.mended
def registered_twice():
    class Pair:
        pass

    tree.register(Pair, lambda p: ((), None), lambda aux, children: Pair())


@mistake(
    "A field that a dataclass does not have",
    TreeError,
    at="register_dataclass(",
    got="got ['mean', 'variance', 'count']",
    wanted="Its fields are ['mean', 'count']",
    write="list each in data_fields",
)
def dataclass_fields():
    @dataclasses.dataclass
    class State:
        mean: object
        count: int

    tree.register_dataclass(State, data_fields=["mean", "variance"], meta_fields=["count"])


@dataclass_fields.mended
def dataclass_fields():
    @dataclasses.dataclass
    class State:
        mean: object
        count: int

    tree.register_dataclass(State, data_fields=["mean"], meta_fields=["count"])


@mistake(
    "Transposing a tree that is not regular",
    TreeError,
    at="tree.transpose",
    got="Got: {'b': *}",
    wanted="Expected there: {'a': *}",
    write="Trees that go together have one structure",
)
def irregular():
    outer, inner = tree.structure([0, 0]), tree.structure({"a": 0})
    return tree.transpose(outer, inner, [{"a": 1.0}, {"b": 2.0}])


@irregular.mended
def irregular():
    outer, inner = tree.structure([0, 0]), tree.structure({"a": 0})
    return tree.transpose(outer, inner, [{"a": 1.0}, {"a": 2.0}])


@mistake(
    "An object that is no pytree",
    FnxTypeError,
    at="fnx.jit(area)(Square",
    got="argument 0 is a Square",
    wanted="expected arrays and numbers",
    write="fnx.tree.register",
)
def not_registered():
    class Square:
        def __init__(self, side):
            self.side = side

    def area(square):
        return square.side**2

    return fnx.jit(area)(Square(np.asarray(2.0)))


@not_registered.mended
def not_registered():
    class Square:
        def __init__(self, side):
            self.side = side

    def area(square):
        return square.side**2

    tree.register(Square, lambda s: ((s.side,), None), lambda aux, children: Square(*children))
    return fnx.jit(area)(Square(np.asarray(2.0)))
