"""Devices: anything that can run an agent, behind one seam, `transport.Transport`."""
