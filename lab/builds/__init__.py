"""A build opened and verified, a foreign folder packed, inputs of the user's own."""
