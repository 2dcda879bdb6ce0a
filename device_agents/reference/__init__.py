"""The reference agent: Python and ONNX Runtime in a process of its own; the host's agent, the others' oracle.

ONNX Runtime 1.29 and newer report their use over the network unless told not to (microsoft/onnxruntime
pull request 27379), and keep an identifier of the machine in the user's home. The choice is latched when
the library is loaded, so it is made here, before any module of this package can import it.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

AGENT = "reference"
AGENT_VERSION = "0.1.0"
