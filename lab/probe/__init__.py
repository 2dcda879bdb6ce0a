"""The probe: find out by trying what a phone allows."""
