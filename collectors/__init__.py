"""From the kernel to events: each module says which interface it reads."""
