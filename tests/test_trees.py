"""Trees: whatever is taken apart comes back, and every path leads to its leaf."""

import copy
import pickle
from collections import OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer import trees

Point = namedtuple("Point", "x y")


@dataclass(frozen=True)
class Layer:
    weight: object
    bias: object = None


@dataclass
class Counted:
    value: object
    made: int = field(default=0, init=False)

    def __post_init__(self):
        self.made += 1


numbers = st.one_of(st.integers(-9, 9), st.floats(-9, 9), st.just(None))
nested = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
        st.builds(Point, inner, inner),
        st.builds(Layer, inner, inner),
    ),
    max_leaves=12,
)


@given(nested)
@settings(max_examples=80, deadline=None)
def test_round_trip(tree):
    leaves, structure = trees.flatten(tree)
    assert trees.unflatten(structure, leaves) == tree
    assert structure.leaves == len(leaves) == len(trees.paths(tree))
    again = trees.flatten(copy.deepcopy(tree))[1]
    assert structure == again and hash(structure) == hash(again)
    assert pickle.loads(pickle.dumps(structure)) == structure


@given(nested)
@settings(max_examples=80, deadline=None)
def test_paths_are_python(tree):
    for leaf, path in zip(trees.flatten(tree)[0], trees.paths(tree, "tree"), strict=True):
        assert eval(path, {"tree": tree}) is leaf


def test_dict_keeps_insertion_order():
    leaves, structure = trees.flatten({"w": 1, "b": 2})
    assert leaves == [1, 2]
    assert list(trees.unflatten(structure, [3, 4])) == ["w", "b"]
    assert structure != trees.flatten({"b": 1, "w": 2})[1]


def test_structures_that_look_alike_differ():
    alike = [[1, 2], (1, 2), Point(1, 2), Layer(1, 2), {"x": 1, "y": 2}, {0: 1, 1: 2}]
    alike += [{False: 1, True: 2}, OrderedDict(x=1, y=2)]
    structures = [trees.flatten(tree)[1] for tree in alike]
    for i, one in enumerate(structures):
        assert [one == other for other in structures] == [i == j for j in range(len(alike))]


def test_paths_of_a_network():
    params = {"layers": [Layer(1.0, 2.0), Layer(3.0)], "at": Point(4.0, 5.0)}
    assert trees.paths(params, "params") == [
        "params['layers'][0].weight",
        "params['layers'][0].bias",
        "params['layers'][1].weight",
        "params['at'].x",
        "params['at'].y",
    ]
    assert trees.paths(3.0, "x") == ["x"]


def test_a_dataclass_is_rebuilt_without_its_init():
    made = Counted(1.0)
    leaves, structure = trees.flatten(made)
    again = trees.unflatten(structure, leaves)
    assert again == made and again.made == 1


def test_other_dicts_come_back_as_they_were():
    tree = defaultdict(list, {"a": [1]})
    again = trees.unflatten(trees.flatten(tree)[1], [2])
    assert again == {"a": [2]} and again.default_factory is list
    assert type(trees.unflatten(trees.flatten(OrderedDict(a=1))[1], [2])) is OrderedDict


def test_unknown_classes_and_subclasses_are_leaves():
    class Bag(list):
        pass

    for leaf in (np.ones(3), np.float32(1), "text", object(), Bag([1]), {1}, range(3)):
        leaves, structure = trees.flatten(leaf)
        assert leaves[0] is leaf and structure is trees.LEAF


def test_a_tree_in_itself_is_refused():
    tree = []
    tree.append(tree)
    with pytest.raises(ValueError, match="contains itself"):
        trees.flatten(tree)
    shared = [1]
    assert trees.flatten([shared, shared])[0] == [1, 1]


def test_map_takes_trees_of_one_structure():
    assert trees.map(lambda a, b: a + b, {"a": 1, "b": [2]}, {"a": 10, "b": [20]}) == {
        "a": 11,
        "b": [22],
    }
    with pytest.raises(ValueError, match="the trees differ"):
        trees.map(max, [1, 2], (1, 2))
    with pytest.raises(ValueError, match="takes 2 leaves"):
        trees.unflatten(trees.flatten([1, 2])[1], [1])


def test_ravel_gives_each_leaf_its_shape_and_dtype_back():
    tree = {"w": np.arange(6.0, dtype=np.float32).reshape(2, 3), "b": [0.5, np.zeros((0, 2))]}
    vector, unravel = trees.ravel(tree)
    assert vector.dtype == np.float64 and vector.shape == (7,)
    again = unravel(vector)
    assert again["w"].dtype == np.float32 and again["b"][1].shape == (0, 2)
    np.testing.assert_array_equal(again["w"], tree["w"])
    assert type(again["b"][0]) is np.float64
    with pytest.raises(ValueError, match=r"shape \(7,\)"):
        unravel(np.zeros(8))
    empty, unravel = trees.ravel({"a": []})
    assert empty.shape == (0,) and unravel(empty) == {"a": []}


def test_classes_registered_with_optree_open():
    optree = pytest.importorskip("optree")

    class Pair:
        def __init__(self, a, b, label):
            self.a, self.b, self.label = a, b, label

    assert trees.flatten(Pair(1, 2, "p"))[1] is trees.LEAF
    everywhere = vars(optree.registry)["__GLOBAL_NAMESPACE"]
    optree.register_pytree_node(
        Pair,
        lambda pair: ((pair.a, pair.b), pair.label),
        lambda label, items: Pair(*items, label),
        namespace=everywhere,
    )
    leaves, structure = trees.flatten([Pair(1, 2, "p")])
    assert leaves == [1, 2] and trees.paths([Pair(1, 2, "p")]) == ["[0][0]", "[0][1]"]
    assert trees.unflatten(structure, [3, 4])[0].label == "p"
    assert structure != trees.flatten([Pair(1, 2, "q")])[1]
    assert trees.flatten(deque([1]))[1] is trees.LEAF
