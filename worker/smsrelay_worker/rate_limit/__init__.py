"""The send rate that all workers share, and what stops every submit: a halt or an open circuit."""
