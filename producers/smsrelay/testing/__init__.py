"""Testing apps that send."""
