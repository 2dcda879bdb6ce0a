"""Devices: something that can run an agent, behind the one seam `transport.Transport`."""
