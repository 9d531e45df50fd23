"""Commands for apps and for the receiver: ``send``, ``bulk``, ``receiver``, ``schema``."""
