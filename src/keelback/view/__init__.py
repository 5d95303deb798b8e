"""Shows the memory model: cells, one a page, and what terminals, pictures and words make of them."""
