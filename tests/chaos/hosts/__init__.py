"""Hosts on one machine: network namespaces with networks between them that faults can cut."""
