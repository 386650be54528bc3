"""Everything that composing and reading need at run time: ONNX Runtime sessions, samplers, seeds, provenance."""
