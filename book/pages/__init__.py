"""What the pages of the book show, and from what."""
