"""What kernel and programs agree on: system calls, errors, records, rights, the link page of libraries."""
