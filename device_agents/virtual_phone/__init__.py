"""Virtual phones: containers of this machine's kernel with Android's look and a real adbd."""
