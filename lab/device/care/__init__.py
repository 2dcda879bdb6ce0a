"""A phone's settings: prepare them for measuring, journal every change, restore them."""
