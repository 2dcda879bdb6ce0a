"""What a study of the tiling rules says, drawn in each format."""
