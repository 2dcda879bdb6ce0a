"""The native agent: C++17 over ONNX Runtime's C API, for phones; and how it is built."""
