"""What a phone allows, found by trying."""
