"""The native agent for phones, C++17 on ONNX Runtime's C API, and its build."""
