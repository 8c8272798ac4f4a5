"""The commands of ``eai-autotrace``: a module each, and what they are made of."""
