"""Who exists and who runs: programs, processes, threads, the scheduler."""
