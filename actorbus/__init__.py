"""A message bus made of supervised actors."""
