"""Public calls that read the store: what users know as `workflow.search`, `workflow.watch` and so on."""
