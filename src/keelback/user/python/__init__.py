"""Programs in Kernel Python, a module each; `PROGRAM` in it is the program's class."""
