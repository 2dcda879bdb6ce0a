"""Text from outside: JSON and TOML read strictly, and the TOML tables that people write."""
