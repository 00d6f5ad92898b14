"""What `new`, `resume`, `ensure` and `stop` do: a typed request in, a typed result out, and a reporter for messages."""
