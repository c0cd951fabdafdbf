"""What a user writes down: tasks, their options, nodes, and the plan a DAG becomes when it is submitted."""
