"""What the doctor asks of store and broker themselves: logins, rights, persistence, whether they take writes, their topology."""
