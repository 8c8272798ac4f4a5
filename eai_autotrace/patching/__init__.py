"""How code of ours is put around somebody else's: replaced functions, and the boundary between."""
