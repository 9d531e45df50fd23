"""What each kind of finding says, in English and Chinese."""
