"""The book: its chapters, and what only its pages need."""
