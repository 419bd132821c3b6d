"""Pytrees: what is a container, round trips, paths, errors; laws over drawn trees."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections import OrderedDict, defaultdict, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fnx import tree
from fnx.tree import TreeError

Pair = namedtuple("Pair", "left right")


@tree.register_dataclass
@dataclasses.dataclass
class Layer:
    weight: object
    bias: object
    name: str = dataclasses.field(default="layer", metadata={"static": True})


class Box:
    def __init__(self, content, label):
        self.content, self.label = content, label


tree.register(
    Box,
    lambda box: ((box.content,), box.label),
    lambda label, children: Box(children[0], label),
    lambda box: ((("content", box.content),), box.label),
)


def containers(children):
    few = st.lists(children, max_size=3)
    return st.one_of(
        few,
        few.map(tuple),
        st.dictionaries(st.text("abc", max_size=2), children, max_size=3),
        st.builds(Pair, children, children),
        st.builds(Layer, children, children, st.sampled_from(["a", "b"])),
        st.dictionaries(st.integers(), children, max_size=2).map(OrderedDict),
        st.none(),
    )


trees = st.recursive(st.integers(0, 9) | st.floats(0, 1), containers, max_leaves=12)


@given(trees)
def test_unflatten_inverts_flatten(x):
    leaves, treedef = tree.flatten(x)
    assert tree.unflatten(treedef, leaves) == x
    assert treedef.num_leaves == len(leaves)


@given(trees)
def test_structures_do_not_depend_on_leaves(x):
    other = tree.map(lambda leaf: str(leaf), x)
    assert tree.structure(other) is tree.structure(x)
    assert hash(tree.structure(other)) == hash(tree.structure(x))


@given(trees)
def test_paths_lead_to_the_leaves(x):
    names = {"x": x}
    for path, leaf in tree.flatten_with_path(x)[0]:
        assert eval("x" + path, names) is leaf


@given(trees)
def test_pickled_structures_are_the_same(x):
    treedef = tree.structure(x)
    assert pickle.loads(pickle.dumps(treedef)) == treedef


@given(trees)
def test_map_is_a_functor(x):
    assert tree.map(lambda leaf: leaf, x) == x
    assert tree.leaves(tree.map(lambda leaf: [leaf], x)) == tree.leaves(x)
    assert (
        tree.leaves(tree.map(lambda leaf: [leaf], x), is_leaf=lambda y: isinstance(y, list))[:0]
        == []
    )


def test_dicts_are_taken_apart_in_the_order_of_their_keys():
    assert tree.flatten({"b": 1, "a": 2})[0] == [2, 1]
    assert tree.structure({"b": 1, "a": 2}) == tree.structure({"a": 2, "b": 1})


def test_dicts_with_keys_of_several_types():
    assert tree.leaves({1: "one", "a": "letter", 0: "zero"}) == ["zero", "one", "letter"]


def test_ordered_dicts_keep_their_order():
    x = OrderedDict(b=1, a=2)
    assert tree.leaves(x) == [1, 2]
    assert tree.structure(x) != tree.structure(OrderedDict(a=2, b=1))


def test_defaultdicts_keep_their_factory():
    x = defaultdict(list, a=1)
    y = tree.map(lambda v: v + 1, x)
    assert y == {"a": 2}
    assert y["new"] == []


def test_none_has_no_leaves_unless_it_is_one():
    assert tree.leaves([None, 1]) == [1]
    assert tree.leaves([None, 1], is_leaf=lambda x: x is None) == [None, 1]


def test_named_tuples_stay_what_they_are():
    assert tree.map(lambda v: v + 1, Pair(1, (2,))) == Pair(2, (3,))


def test_static_fields_belong_to_the_structure():
    assert tree.structure(Layer(1, 2, "a")) != tree.structure(Layer(1, 2, "b"))
    assert tree.leaves(Layer(1, 2, "a")) == [1, 2]


def test_registered_classes():
    box = tree.map(lambda v: v * 2, Box([1, 2], "label"))
    assert (box.content, box.label) == ([2, 4], "label")
    assert tree.paths(Box([1, 2], "label")) == ["content[0]", "content[1]"]


def test_a_class_is_registered_once():
    with pytest.raises(TreeError, match="Box, which is registered already"):
        tree.register(Box, None, None)


def test_a_class_can_be_registered_after_it_was_met_as_a_leaf():
    @dataclasses.dataclass
    class Late:
        x: int

    assert len(tree.leaves([Late(1)])) == 1
    tree.register_dataclass(Late)
    assert tree.leaves([Late(1)]) == [1]


def test_dataclass_init_does_not_run_on_placeholders():
    @tree.register_dataclass
    @dataclasses.dataclass
    class Strict:
        x: float

        def __post_init__(self):
            assert isinstance(self.x, float)

    assert tree.map(str, Strict(1.0)).x == "1.0"


def test_an_unhashable_static_field_is_explained():
    with pytest.raises(
        TreeError, match=r"static part of a Layer cannot be hashed(?s:.*)use tuples for lists"
    ):
        tree.flatten(Layer(1, 2, ["a list"]))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ([1, 2], (1, 2), "expected a list at the root, got tuple"),
        ({"a": [1]}, {"a": 1}, r"expected a list at \['a'\], got int"),
        ({"a": 1}, {"b": 1}, "different dicts at the root"),
        ([1, 2], [1], "different lists at the root: expected 2 children, got 1"),
        ((1, [2, (3,)]), (1, [2, ()]), r"different tuples at \[1\]\[1\]"),
    ],
)
def test_map_names_the_place_of_a_difference(first, second, message):
    with pytest.raises(TreeError, match=message):
        tree.map(lambda x, y: x, first, second)


def test_map_takes_subtrees_of_the_other_trees():
    assert tree.map(lambda x, y: y, [1, 2], [(3, 4), None]) == [(3, 4), None]


def test_a_wrong_number_of_leaves():
    with pytest.raises(TreeError, match=r"expected 2 leaves .* got 3"):
        tree.unflatten(tree.structure([0, 0]), [1, 2, 3])


def test_prefixes():
    full = tree.structure(({"a": 1, "b": [2, 3]}, 4))
    is_none = lambda x: x is None
    assert tree.broadcast_prefix(0, full, "axes") == [0, 0, 0, 0]
    assert tree.broadcast_prefix(({"a": 0, "b": None}, 1), full, "axes", is_none) == [
        0,
        None,
        None,
        1,
    ]
    with pytest.raises(TreeError, match=r"axes: different dicts at \[0\]"):
        tree.broadcast_prefix(({"a": 0}, 1), full, "axes")


def test_reduce_all_and_transpose():
    assert tree.reduce(lambda a, b: a * b, {"a": 2, "b": [3, 4]}) == 24
    assert tree.reduce(lambda a, b: a + b, [], 7) == 7
    assert tree.all([True, 1])
    assert not tree.all([True, (0,)])
    inside_out = tree.transpose(tree.structure([0, 0]), tree.structure((0, 0)), [(1, 2), (3, 4)])
    assert inside_out == ([1, 3], [2, 4])


def test_map_with_path():
    assert tree.map_with_path(lambda p, x, y: (p, x + y), {"a": [1]}, {"a": [2]}) == {
        "a": [("['a'][0]", 3)]
    }


def test_structures_print_and_copy():
    treedef = tree.structure({"a": (1, None), "b": Layer(1, 2)})
    assert str(treedef) == "TreeDef({'a': (*, None), 'b': Layer(weight=*, bias=*, name='layer')})"
    assert copy.deepcopy(treedef) == treedef
