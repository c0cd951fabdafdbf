"""The version a store has, the steps to this one, and the views that stay the same over them."""
