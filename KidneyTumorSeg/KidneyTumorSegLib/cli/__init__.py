"""The shell's door: one file a command, arguments in, exit code out. Imports nothing heavy before a command runs."""
