"""The vendor's HTTP interface, its API gateway included: submitting and pulling a status."""
