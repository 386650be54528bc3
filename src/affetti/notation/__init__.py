"""What a reader would write of a piece: its bars, staves and voices, before any score library."""
