"""Layers, losses, optimisers and data."""

from __future__ import annotations

import fnx
import fnx.numpy as np
from fnx import data, nn, optim
from fnx.errors import FnxTypeError, FnxValueError
from fnx.tree import TreeError
from tests.errors.mistake import mistake


@mistake(
    "Inputs of another size than the layer's",
    FnxTypeError,
    at="layer(",
    got="got shape (32, 28, 28)",
    wanted="end in an axis of 784",
    write="Flatten or transpose",
)
def layer_inputs():
    layer = nn.Dense(784, 10, key=fnx.random.key(0))
    return layer(np.ones((32, 28, 28)))


@layer_inputs.mended
def layer_inputs():
    layer = nn.Dense(784, 10, key=fnx.random.key(0))
    return layer(np.ones((32, 28, 28)).reshape(32, 784))


@mistake(
    "Inputs of another size, deep inside a model",
    FnxTypeError,
    at="model(x)",
    got="got shape (32, 9)",
    wanted="end in an axis of 8",
    write="make the layer with that in_size",
)
def model_inputs():
    model = nn.mlp([8, 16, 4], key=fnx.random.key(0))
    x = np.ones((32, 9))
    return fnx.jit(lambda model, x: model(x))(model, x)


@model_inputs.mended
def model_inputs():
    model = nn.mlp([8, 16, 4], key=fnx.random.key(0))
    x = np.ones((32, 8))
    return fnx.jit(lambda model, x: model(x))(model, x)


@mistake(
    "A schedule that was not made",
    FnxTypeError,
    at="optim.sgd",
    got="got the class Cosine",
    wanted="expected a number or a schedule of the step count",
    write="a schedule such as optim.Cosine(initial, steps), or a function",
)
def schedule_class():
    return optim.sgd(optim.Cosine)


@schedule_class.mended
def schedule_class():
    return optim.sgd(optim.Cosine(0.1, 1000))


@mistake(
    "A layer without units",
    FnxValueError,
    at="nn.Dense",
    got="got 0 and 10",
    wanted="sizes must be at least 1",
    write="Write Dense(in_size, out_size, key=key)",
)
def layer_sizes():
    return nn.Dense(0, 10, key=fnx.random.key(0))


@layer_sizes.mended
def layer_sizes():
    return nn.Dense(1, 10, key=fnx.random.key(0))


@mistake(
    "An activation that does not exist",
    FnxValueError,
    at="nn.Dense",
    got="got 'rellu'",
    wanted="expected a function or the name of one",
    write="Did you mean 'relu'?",
)
def activation():
    return nn.Dense(8, 4, activation="rellu", key=fnx.random.key(0))


@activation.mended
def activation():
    return nn.Dense(8, 4, activation="relu", key=fnx.random.key(0))


@mistake(
    "Changing a field of a layer",
    AttributeError,
    at="layer.bias =",
    got="Array([0., 0., 0., 0.]",
    wanted="is immutable",
    write="module.replace(bias=...)",
)
def field():
    layer = nn.Dense(8, 4, key=fnx.random.key(0))
    layer.bias = np.zeros(4)


@field.mended
def field():
    layer = nn.Dense(8, 4, key=fnx.random.key(0))
    layer = layer.replace(bias=np.zeros(4))


@mistake(
    "A field that is never set",
    FnxTypeError,
    at="self.build",
    got="got ['factor']",
    wanted="expected the fields ['factor', 'offset']",
    write="Set every field once",
)
def missing_field():
    class Scale(nn.Module):
        factor: fnx.Array
        offset: fnx.Array

        def __init__(self, factor):
            self.build(factor=factor)

    return Scale(np.ones(3))


@missing_field.mended
def missing_field():
    class Scale(nn.Module):
        factor: fnx.Array
        offset: fnx.Array

        def __init__(self, factor):
            self.build(factor=factor, offset=np.zeros(3))

    return Scale(np.ones(3))


@mistake(
    "A layer derived from a layer",
    FnxTypeError,
    at="class Scaled",
    got="Scaled inherits from Dense",
    wanted="expected a class without fields",
    write="layer: Dense",
)
def derived():
    class Scaled(nn.Dense):
        factor: fnx.Array

    return Scaled


@derived.mended
def derived():
    class Scaled(nn.Module):
        layer: nn.Dense
        factor: fnx.Array

    return Scaled


@mistake(
    "Class labels that are floats",
    FnxTypeError,
    at="nn.cross_entropy",
    got="got (4, 10) and (4,)",
    wanted="shapes must be equal",
    write="labels.astype('int32')",
)
def float_labels():
    logits, labels = np.zeros((4, 10)), np.asarray([3.0, 1.0, 4.0, 1.0])
    return nn.cross_entropy(logits, labels)


@float_labels.mended
def float_labels():
    logits, labels = np.zeros((4, 10)), np.asarray([3, 1, 4, 1])
    return nn.cross_entropy(logits, labels)


@mistake(
    "Class labels with an axis too many",
    FnxTypeError,
    at="nn.cross_entropy",
    got="labels (4, 1)",
    wanted="the logits' shape without the last axis",
    write="labels[..., 0]",
)
def label_shape():
    logits, labels = np.zeros((4, 10)), np.asarray([[3], [1], [4], [1]])
    return nn.cross_entropy(logits, labels)


@label_shape.mended
def label_shape():
    logits, labels = np.zeros((4, 10)), np.asarray([[3], [1], [4], [1]])
    return nn.cross_entropy(logits, labels[:, 0])


@mistake(
    "Targets that would broadcast",
    FnxTypeError,
    at="nn.mse",
    got="got (4, 1) and (4,)",
    wanted="shapes must be equal",
    write="Reshape one of them",
)
def targets():
    predictions, y = np.ones((4, 1)), np.ones(4)
    return nn.mse(predictions, y)


@targets.mended
def targets():
    predictions, y = np.ones((4, 1)), np.ones(4)
    return nn.mse(predictions[:, 0], y)


@mistake(
    "A reduction that does not exist",
    FnxValueError,
    at="nn.mse",
    got="got 'average'",
    wanted="must be 'mean', 'sum' or 'none'",
    write="Write reduction='none'",
)
def reduction():
    return nn.mse(np.ones(4), np.ones(4), reduction="average")


@reduction.mended
def reduction():
    return nn.mse(np.ones(4), np.ones(4), reduction="mean")


@mistake(
    "Gradients of another structure than the optimiser's state",
    TreeError,
    at="optimiser.update",
    got="Got: {'w': *}",
    wanted="Expected there: {'b': *, 'w': *}",
    write="Trees that go together have one structure",
)
def optimiser_structure():
    optimiser = optim.adam(1e-3)
    state = optimiser.init({"w": np.ones(3), "b": np.ones(1)})
    return optimiser.update({"w": np.ones(3)}, state)


@optimiser_structure.mended
def optimiser_structure():
    optimiser = optim.adam(1e-3)
    state = optimiser.init({"w": np.ones(3), "b": np.ones(1)})
    return optimiser.update({"w": np.ones(3), "b": np.ones(1)}, state)


@mistake(
    "Weight decay without parameters",
    FnxValueError,
    at="optimiser.update",
    got="got params=None",
    wanted="expected the parameters",
    write="Write optimizer.update(grads, state, params)",
)
def decay():
    optimiser = optim.adamw(1e-3)
    state = optimiser.init(np.ones(3))
    return optimiser.update(np.ones(3), state)


@decay.mended
def decay():
    optimiser = optim.adamw(1e-3)
    params = np.ones(3)
    state = optimiser.init(params)
    return optimiser.update(np.ones(3), state, params)


@mistake(
    "An optimiser's state passed to another optimiser",
    FnxTypeError,
    at="optim.adam(1e-3).update",
    got="got 1",
    wanted="expected the states of 2 parts",
    write="Pass the state that this optimiser's init",
)
def other_state():
    state = optim.sgd(1e-3).init(np.ones(3))
    return optim.adam(1e-3).update(np.ones(3), state)


@other_state.mended
def other_state():
    state = optim.adam(1e-3).init(np.ones(3))
    return optim.adam(1e-3).update(np.ones(3), state)


@mistake(
    "Data of different lengths",
    FnxValueError,
    at="data.DataLoader",
    got="got [(10, 3), (9,)]",
    wanted="equally many examples",
    write="cut or transpose the arrays",
)
def data_lengths():
    return data.DataLoader({"x": np.ones((10, 3)), "y": np.ones(9)}, batch_size=2)


@data_lengths.mended
def data_lengths():
    return data.DataLoader({"x": np.ones((10, 3)), "y": np.ones(10)}, batch_size=2)


@mistake(
    "Batches of nothing",
    FnxValueError,
    at="data.DataLoader",
    got="got 0 and 2",
    wanted="batch_size must be at least 1",
    write="batch_size=len(x)",
)
def batch_size():
    return data.DataLoader(np.ones((10, 3)), batch_size=0)


@batch_size.mended
def batch_size():
    return data.DataLoader(np.ones((10, 3)), batch_size=2)


@mistake(
    "Data without an axis of examples",
    FnxTypeError,
    at="data.DataLoader",
    got="got shapes [(), (10, 3)]",
    wanted="a leading axis of examples",
    write="fnx.numpy.full(len(x), value)",
)
def no_examples():
    return data.DataLoader({"x": np.ones((10, 3)), "rate": 0.1}, batch_size=2)


@no_examples.mended
def no_examples():
    return data.DataLoader({"x": np.ones((10, 3)), "rate": np.full(10, 0.1)}, batch_size=2)


@mistake(
    "A list of layers for layers",
    FnxTypeError,
    at="nn.Sequential",
    got="got list",
    wanted="expected layers and functions",
    write="Sequential(*layers)",
)
def list_of_layers():
    layers = [nn.Dense(8, 4, key=fnx.random.key(0)), nn.relu]
    return nn.Sequential(layers)(np.ones(8))


@list_of_layers.mended
def list_of_layers():
    layers = [nn.Dense(8, 4, key=fnx.random.key(0)), nn.relu]
    return nn.Sequential(*layers)(np.ones(8))
