"""Who runs tasks. One loop drives the scheduler and the journal; below it an executor runs attempts."""
