"""Phones over adb: the transport, the server's protocol, and the scripts that run on a phone."""
