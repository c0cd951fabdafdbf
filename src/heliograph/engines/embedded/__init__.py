"""Workers of this machine: processes, or threads of this one."""
