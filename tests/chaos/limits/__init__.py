"""The limits of a run: caps, a closed send window, campaigns that are steered, encryption; and the judge of each."""
