"""Live sessions with endpoints, shared by every module that needs one."""
