"""The simulated PC: an emulated CPU with its gaps to hardware closed, devices, and two lives of the kernel on them."""
