"""Telling cloud from snow in snowy patches: the physical screen, trained models, and what is known of either.

Everything here works on patches on the scale without an offset; data whose offset is not known is refused.
"""
