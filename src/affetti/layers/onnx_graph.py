"""ONNX graphs node by node, over numbers that are stored once, in a safetensors file.

The graphs name byte ranges of that file as their external data. Stored as float16 they are cast to float32, which ONNX
Runtime does once, when it loads a graph: a cast of constants is a constant.
"""

import json
from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper

NUMBERS = "model.safetensors"
OPSET = 17
_IR_VERSIONS = {17: 8, 20: 9}
"""The version of the file format that came with each version of the operators."""
_TYPES = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}


class StoredNumbers:
    """Where in a safetensors file each tensor lies.

    safetensors: the file's bytes; it is to lie beside the graphs under the name NUMBERS.
    """

    def __init__(self, safetensors: bytes) -> None:
        header_bytes = int.from_bytes(safetensors[:8], "little")
        self.header = json.loads(safetensors[8 : 8 + header_bytes])
        self.data_start = 8 + header_bytes

    def tensor(self, name: str) -> onnx.TensorProto:
        """An initializer that points into the file."""
        start, end = self.header[name]["data_offsets"]
        tensor = onnx.TensorProto(
            name=name,
            data_type=_TYPES[self.header[name]["dtype"]],
            dims=self.header[name]["shape"],
            data_location=TensorProto.EXTERNAL,
        )
        places = {"location": NUMBERS, "offset": self.data_start + start, "length": end - start}
        for key, value in places.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor


class GraphBuilder:
    """Nodes, initializers, inputs and outputs of one graph; nodes are named by counting."""

    def __init__(self, numbers: StoredNumbers, *, opset: int = OPSET) -> None:
        self.numbers, self.opset = numbers, opset
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str], *, integers: bool = False) -> str:
        """An input of float32, or of int64; its name."""
        self._inputs.append(_value(name, shape, integers))
        return name

    def output(self, name: str, shape: Sequence[int | str], *, integers: bool = False) -> str:
        """Declare that the value of this name is an output; the name."""
        self._outputs.append(_value(name, shape, integers))
        return name

    def nodes(self, operator: str, inputs: Sequence[str], outputs: int, **attributes: object) -> list[str]:
        """Add a node with several outputs; their names."""
        names = [f"{operator.lower()}_{len(self._nodes)}_{index}" for index in range(outputs)]
        self._nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names

    def node_pair(self, operator: str, inputs: Sequence[str], **attributes: object) -> tuple[str, str]:
        """Add a node with two outputs; their names."""
        first, second = self.nodes(operator, inputs, 2, **attributes)
        return first, second

    def node(self, operator: str, inputs: Sequence[str], output: str | None = None, **attributes: object) -> str:
        """Add a node with one output; its name."""
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def parameter(self, name: str) -> str:
        """A stored tensor as float32."""
        if name not in self._initializers:
            self._initializers[name] = self.numbers.tensor(name)
        if self._initializers[name].data_type == TensorProto.FLOAT:
            return name
        return self.node("Cast", [name], to=TensorProto.FLOAT)

    def constant(self, values: Sequence[int]) -> str:
        """An int64 vector."""
        name = f"constant_{'_'.join(map(str, values))}"
        self._initializers[name] = helper.make_tensor(name, TensorProto.INT64, [len(values)], values)
        return name

    def integer(self, value: int) -> str:
        """An int64 scalar."""
        name = f"integer_{value}"
        self._initializers[name] = helper.make_tensor(name, TensorProto.INT64, [], [value])
        return name

    def real(self, value: float) -> str:
        """A float32 scalar."""
        name = f"real_{value}"
        self._initializers[name] = helper.make_tensor(name, TensorProto.FLOAT, [], [value])
        return name

    def reals(self, name: str, values: Sequence[float]) -> str:
        """A float32 vector under a name of its own."""
        self._initializers[name] = helper.make_tensor(name, TensorProto.FLOAT, [len(values)], values)
        return name

    def zero_one(self) -> str:
        """The two values of a one-hot vector."""
        return self.reals("zero_one", [0.0, 1.0])

    def reshaped(self, x: str, shape: Sequence[int]) -> str:
        """x in another shape: 0 keeps a dimension, -1 is what is left."""
        return self.node("Reshape", [x, self.constant(shape)])

    def serialised(self, name: str) -> bytes:
        """The finished model's bytes."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, list(self._initializers.values()))
        model = helper.make_model(
            graph,
            producer_name="affetti",
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=_IR_VERSIONS[self.opset],
        )
        serialised: bytes = model.SerializeToString()
        return serialised


def _value(name: str, shape: Sequence[int | str], integers: bool) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.INT64 if integers else TensorProto.FLOAT, list(shape))
