"""Virtual phones: containers on this machine's kernel that look like Android and run a real adbd."""
