"""The reference agent: Python and ONNX Runtime in their own process; the host's agent, and the others' oracle.

Unless disabled, telemetry of ONNX Runtime 1.29 and newer reports usage over the network (microsoft/onnxruntime
pull request 27379) and keeps an identifier of the machine in the user's home. The library reads the setting
once, when it is loaded, so this module sets it before any module of the package can import the library.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

AGENT = "reference"
AGENT_VERSION = "0.1.0"
