"""What is known of workflows, runs, tasks and attempts: typed records, and the dicts users get of them."""
